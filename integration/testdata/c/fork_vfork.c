// laplace: same
// vfork: the parent stands still until its child exits or executes, and the child runs in the parent's memory.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile int shared;

static int status_of(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int main(void)
{
	setlinebuf(stdout);

	pid_t pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		shared = 42;
		_exit(3);
	}
	printf("after exit: shared %d\n", shared);
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* The child sleeps before it writes: the parent must still see it. */
	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(20000);
		shared = 43;
		_exit(4);
	}
	printf("after sleep and exit: shared %d\n", shared);
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* A child that blocks on a pipe which only a sibling fills: the parent's stop must not stop its siblings. */
	int p[2];
	CHECK(pipe(p) == 0);
	pid_t sibling = fork();
	CHECK(sibling >= 0);
	if (sibling == 0) {
		usleep(20000);
		CHECK(write(p[1], "s", 1) == 1);
		_exit(0);
	}
	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c = 0;
		shared = read(p[0], &c, 1) == 1 && c == 's' ? 44 : -1;
		_exit(5);
	}
	printf("after sibling: shared %d\n", shared);
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));
	CHECK(status_of(sibling) == 0);

	/* exec gives the memory back. */
	char *argv[] = {"sh", "-c", "echo executed; exit 6", NULL};
	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		shared = 45;
		execv("/bin/sh", argv);
		_exit(127);
	}
	int code = WEXITSTATUS(status_of(pid));
	printf("after exec: shared %d, exited %d\n", shared, code);

	/* A failed exec leaves the child in the parent's memory. */
	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execv("./missing", argv);
		shared = errno;
		_exit(7);
	}
	printf("after failed exec: %s\n", errname(shared));
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* A child that dies by a signal wakes its parent too. */
	pid = vfork();
	CHECK(pid >= 0);
	if (pid == 0) {
		kill(getpid(), SIGKILL);
		_exit(8);
	}
	printf("after kill: signal %d\n", WTERMSIG(status_of(pid)));
	return 0;
}
