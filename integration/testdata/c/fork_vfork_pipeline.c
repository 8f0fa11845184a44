// laplace: pinned
// Pipelines whose members are started by vfork and posix_spawn, as programs do that have much memory, while others of
// the pipeline run already; several of them at once, and one inside another.
#include "check.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* member starts a command with these for standard input and output; how tells by which call. */
static pid_t member(int how, int in, int out, const char *command)
{
	char *argv[] = {"sh", "-c", (char *)command, NULL};
	if (how % 3 == 2) {
		posix_spawn_file_actions_t acts;
		pid_t pid;
		CHECK(posix_spawn_file_actions_init(&acts) == 0);
		CHECK(posix_spawn_file_actions_adddup2(&acts, in, 0) == 0);
		CHECK(posix_spawn_file_actions_adddup2(&acts, out, 1) == 0);
		CHECK(posix_spawn(&pid, "/bin/sh", &acts, NULL, argv, environ) == 0);
		CHECK(posix_spawn_file_actions_destroy(&acts) == 0);
		return pid;
	}
	pid_t pid = how % 3 ? vfork() : fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(in, 0);
		dup2(out, 1);
		execv("/bin/sh", argv);
		_exit(127);
	}
	return pid;
}

/* pipeline starts commands, the first of which reads /dev/null, and returns the end to read from. */
static int pipeline(int how, int n, const char *const *commands)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(in >= 0);
	for (int i = 0; i < n; i++) {
		int p[2];
		CHECK(pipe2(p, O_CLOEXEC) == 0);
		CHECK(member(how + i, in, p[1], commands[i]) > 0);
		close(in);
		close(p[1]);
		in = p[0];
	}
	return in;
}

static void show(int fd)
{
	char buf[512];
	ssize_t n;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		printf("%.*s", (int)n, buf);
	CHECK(n == 0);
	close(fd);
}

static void reap(int n, const char *name)
{
	int s;
	printf("%s:", name);
	for (int i = 0; i < n; i++) {
		CHECK(wait(&s) > 0);
		if (WIFSIGNALED(s))
			printf(" -%d", WTERMSIG(s));
		else
			printf(" %d", WEXITSTATUS(s));
	}
	printf("\n");
}

int main(void)
{
	setlinebuf(stdout);
	static const char *const plain[] = {"seq 1 5000; exit 1", "sed 's/$/ x/'; exit 2", "tail -n 2; exit 3"};
	for (int how = 0; how < 3; how++) {
		show(pipeline(how, 3, plain));
		reap(3, "one pipeline");
	}

	/* A writer that is started before its reader, and has filled the pipe when that one's parent is in vfork. */
	static const char *const full[] = {"yes | head -c 300000; exit 4", "sleep 0.01; wc -c; exit 5", "cat; exit 6"};
	show(pipeline(1, 3, full));
	reap(3, "full");

	/* The reader leaves: SIGPIPE for members that were started by vfork. */
	static const char *const leaves[] = {"exec yes", "exec cat", "read -r x; echo $x; exit 7"};
	show(pipeline(1, 3, leaves));
	reap(3, "left");

	/* Four at once, from which one line each is read in turn. */
	static const char *const lines[] = {"for i in 1 2 3 4; do echo $i; done", "while read -r i; do echo line $i; done"};
	int fds[4];
	for (int k = 0; k < 4; k++)
		fds[k] = pipeline(k, 2, lines);
	for (int i = 1; i <= 4; i++)
		for (int k = 0; k < 4; k++) {
			char line[16] = "", want[16];
			for (int at = 0; at == 0 || line[at - 1] != '\n'; at++)
				CHECK(at < 15 && read(fds[k], line + at, 1) == 1);
			snprintf(want, sizeof want, "line %d\n", i);
			CHECK(strcmp(line, want) == 0);
		}
	for (int k = 0; k < 4; k++)
		show(fds[k]);
	reap(8, "four at once");

	/* Children that vfork children themselves, all with one pipe, while their parent reads. */
	int p[2], s;
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	for (int k = 0; k < 4; k++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		for (int i = 0; i < 4; i++) {
			char command[32];
			snprintf(command, sizeof command, "echo %c%d; exit %d", 'a' + k, i, i);
			pid_t child = member(1 + i % 2, 0, p[1], command);
			CHECK(waitpid(child, &s, 0) == child && WEXITSTATUS(s) == i);
		}
		_exit(k);
	}
	close(p[1]);
	show(p[0]);
	reap(4, "side by side");

	/* The child of a vfork keeps a pipe's end open until it executes. */
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	pid_t reader = fork();
	CHECK(reader >= 0);
	if (reader == 0) {
		char c;
		close(p[1]);
		int n = read(p[0], &c, 1);
		_exit(n == 0 ? 8 : 9);
	}
	close(p[0]);
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "sleep 0.02; exit 10", NULL);
		_exit(127);
	}
	CHECK(pid > 0);
	close(p[1]);
	CHECK(waitpid(reader, &s, 0) == reader && WEXITSTATUS(s) == 8);
	CHECK(waitpid(pid, &s, 0) == pid && WEXITSTATUS(s) == 10);
	printf("closed by exec\n");
	return 0;
}
