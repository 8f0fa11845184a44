// laplace: same
// What a process keeps across execve: ids, group, session, parent, children, umask, directory, open descriptors and
// their offsets, ignored signals, the mask, pending signals, limits, record locks, what is left of an inherited pipe.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static long num(char **argv, int i) { return strtol(argv[i], NULL, 10); }

static int after(char **argv)
{
	setlinebuf(stdout);
	CHECK(getpid() == num(argv, 2));
	CHECK(getppid() == num(argv, 3));
	CHECK(getpgrp() == num(argv, 4));
	CHECK(getsid(0) == num(argv, 5));
	printf("ids kept\n");

	int fd = num(argv, 6), rd = num(argv, 7);
	char buf[32] = "";
	CHECK(lseek(fd, 0, SEEK_CUR) == 4);
	CHECK(read(fd, buf, 4) == 4);
	printf("offset kept: %s\n", buf);
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
	CHECK(read(rd, buf, sizeof buf) == 3);
	printf("pipe kept: %.3s\n", buf);

	printf("umask %03o\n", umask(0));
	CHECK(access("in-dir", F_OK) == 0);
	printf("directory kept\n");

	struct sigaction sa;
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	sigset_t mask, pending;
	CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
	CHECK(sigpending(&pending) == 0);
	for (int sig = 1; sig < 32; sig++)
		if (sigismember(&mask, sig) || sigismember(&pending, sig))
			printf("%s: blocked %d, pending %d\n", sigabbrev_np(sig), sigismember(&mask, sig),
			       sigismember(&pending, sig));

	struct rlimit lim;
	CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
	printf("RLIMIT_NOFILE %ld %ld\n", (long)lim.rlim_cur, (long)lim.rlim_max);

	/* Another process asks: the lock belongs to the process, which is still the same. */
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		CHECK(fcntl(fd, F_GETLK, &query) == 0);
		CHECK(query.l_type == F_WRLCK && query.l_pid == self && query.l_start == 2 && query.l_len == 5);
		_exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("lock kept\n");

	/* The child that was born before the exec. */
	CHECK(wait(&status) == num(argv, 8));
	printf("child kept: exited %d\n", WEXITSTATUS(status));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "after"))
		return after(argv);

	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	CHECK(n > 0);
	exe[n] = 0;

	CHECK(mkdir("dir", 0755) == 0 && chdir("dir") == 0);
	umask(037);
	int fd = open("in-dir", O_RDWR | O_CREAT | O_APPEND, 0666);
	CHECK(fd >= 0 && write(fd, "0123four", 8) == 8 && lseek(fd, 4, SEEK_SET) == 4);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 5};
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	int p[2];
	CHECK(pipe(p) == 0 && write(p[1], "abc", 3) == 3);

	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
	CHECK(raise(SIGUSR2) == 0);
	struct rlimit lim = {.rlim_cur = 50, .rlim_max = 70};
	CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);

	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(33);

	char s[7][16];
	long v[7] = {getpid(), getppid(), getpgrp(), getsid(0), fd, p[0], child};
	char *args[10] = {"prog", "after"};
	for (int i = 0; i < 7; i++) {
		snprintf(s[i], sizeof s[i], "%ld", v[i]);
		args[i + 2] = s[i];
	}
	execv(exe, args);
	FAIL("execv");
}
