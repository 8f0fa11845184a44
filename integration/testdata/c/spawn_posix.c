// laplace: same
// posix_spawn: file actions, attributes, and errors that the caller gets instead of a child.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *env0[] = {"PATH=/usr/bin:/bin", NULL};

static void reap(const char *what, pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: exited %d\n", what, WEXITSTATUS(status));
}

static int after(char **argv)
{
	if (!strcmp(argv[1], "group"))
		return getpgrp() == getpid() ? 0 : 1;
	if (!strcmp(argv[1], "session"))
		return getsid(0) == getpid() ? 0 : 1;
	sigset_t mask;
	struct sigaction usr1, usr2;
	CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
	CHECK(sigaction(SIGUSR1, NULL, &usr1) == 0 && sigaction(SIGUSR2, NULL, &usr2) == 0);
	printf("%s: HUP blocked %d, TERM blocked %d, USR1 ignored %d, USR2 ignored %d\n", argv[1],
	       sigismember(&mask, SIGHUP), sigismember(&mask, SIGTERM), usr1.sa_handler == SIG_IGN,
	       usr2.sa_handler == SIG_IGN);
	return 0;
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 1)
		return after(argv);
	pid_t pid;

	CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, (char *[]){"sh", "-c", "exit 3", NULL}, env0) == 0);
	reap("spawn", pid);
	CHECK(posix_spawnp(&pid, "sh", NULL, NULL, (char *[]){"sh", "-c", "kill -TERM $$", NULL}, env0) == 0);
	reap("spawnp", pid);

	printf("missing: %s\n", errname(posix_spawn(&pid, "./missing", NULL, NULL, (char *[]){"x", NULL}, env0)));
	printf("directory: %s\n", errname(posix_spawn(&pid, "/", NULL, NULL, (char *[]){"x", NULL}, env0)));
	printf("missing in PATH: %s\n", errname(posix_spawnp(&pid, "no-such-program", NULL, NULL, (char *[]){"x", NULL}, env0)));
	CHECK_ERR(wait(NULL), ECHILD); /* none of them left a zombie */

	/* File actions run in order, in the child. */
	int p[2];
	CHECK(pipe2(p, O_CLOEXEC) == 0 && mkdir("dir", 0755) == 0);
	posix_spawn_file_actions_t fa;
	CHECK(posix_spawn_file_actions_init(&fa) == 0);
	CHECK(posix_spawn_file_actions_addopen(&fa, 7, "out", O_WRONLY | O_CREAT, 0644) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&fa, 7, 2) == 0);
	CHECK(posix_spawn_file_actions_addclose(&fa, 7) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&fa, p[1], 1) == 0);
	CHECK(posix_spawn_file_actions_addchdir_np(&fa, "dir") == 0);
	CHECK(posix_spawn(&pid, "/bin/sh", &fa, NULL,
			  (char *[]){"sh", "-c", "echo to-pipe; echo to-file >&2; : > made; : >&7 || exit 4", NULL},
			  env0) == 0);
	close(p[1]);
	char buf[100];
	ssize_t n = read(p[0], buf, sizeof buf);
	CHECK(n > 0);
	printf("pipe: %.*s", (int)n, buf);
	CHECK(read(p[0], buf, sizeof buf) == 0);
	reap("file actions", pid);
	CHECK(access("dir/made", F_OK) == 0);
	int fd = open("out", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, 8) == 8);
	printf("file: %.8s", buf);
	CHECK(posix_spawn_file_actions_destroy(&fa) == 0);

	CHECK(posix_spawn_file_actions_init(&fa) == 0);
	CHECK(posix_spawn_file_actions_addopen(&fa, 0, "missing", O_RDONLY, 0) == 0);
	printf("action that fails: %s\n", errname(posix_spawn(&pid, "/bin/sh", &fa, NULL, (char *[]){"sh", NULL}, env0)));
	CHECK_ERR(wait(NULL), ECHILD);

	/* Attributes. */
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR && signal(SIGUSR2, SIG_IGN) != SIG_ERR);
	CHECK(posix_spawn(&pid, "./prog", NULL, NULL, (char *[]){"prog", "inherited", NULL}, env0) == 0);
	reap("inherited", pid);
	posix_spawnattr_t at;
	CHECK(posix_spawnattr_init(&at) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK(posix_spawnattr_setsigmask(&at, &set) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(posix_spawnattr_setsigdefault(&at, &set) == 0);
	CHECK(posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0);
	CHECK(posix_spawn(&pid, "./prog", NULL, &at, (char *[]){"prog", "set", NULL}, env0) == 0);
	reap("set", pid);
	CHECK(posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP) == 0 && posix_spawnattr_setpgroup(&at, 0) == 0);
	CHECK(posix_spawn(&pid, "./prog", NULL, &at, (char *[]){"prog", "group", NULL}, env0) == 0);
	reap("group", pid);
	CHECK(posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID) == 0);
	CHECK(posix_spawn(&pid, "./prog", NULL, &at, (char *[]){"prog", "session", NULL}, env0) == 0);
	reap("session", pid);
	/* The caller's own mask is back as it was. */
	CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0);
	CHECK(sigismember(&set, SIGHUP) && !sigismember(&set, SIGTERM) && !sigismember(&set, SIGINT));
	return 0;
}
