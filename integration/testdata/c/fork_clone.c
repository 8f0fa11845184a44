// laplace: same refused=clone refused=clone
// The clone system call with SIGCHLD is fork; with the flags of glibc's fork it stores the child's id; with a stack
// and CLONE_VM|CLONE_VFORK it is glibc's posix_spawn.
#include "check.h"
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int status_of(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static int on_stack(void *arg)
{
	*(int *)arg = 77;
	return 9;
}

int main(void)
{
	setlinebuf(stdout);
	pid_t self = getpid();

	long pid = syscall(SYS_clone, SIGCHLD, 0, NULL, NULL, 0);
	CHECK(pid >= 0);
	if (pid == 0) {
		/* glibc does not cache the pid. */
		CHECK(getpid() != self && getppid() == self);
		CHECK(syscall(SYS_gettid) == getpid());
		printf("clone(SIGCHLD)\n");
		_exit(1);
	}
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* CLONE_PARENT_SETTID is done before clone returns, CLONE_CHILD_SETTID before the child runs. */
	pid_t in_parent = -1, in_child = -1;
	pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, &in_parent,
		      &in_child, 0);
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(in_child == getpid());
		printf("CLONE_CHILD_SETTID\n");
		_exit(2);
	}
	CHECK(in_parent == pid);
	CHECK(in_child == -1);
	printf("CLONE_PARENT_SETTID, exited %d\n", WEXITSTATUS(status_of(pid)));

	/* Shared handlers need shared memory. */
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, NULL, NULL, 0), EINVAL);

	static char stack[1 << 16] __attribute__((aligned(16)));
	volatile int shared = 0;
	pid = clone(on_stack, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&shared);
	CHECK(pid > 0);
	printf("CLONE_VM|CLONE_VFORK: shared %d\n", shared);
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* __WALL waits for any kind of child. */
	pid = syscall(SYS_clone, SIGCHLD, 0, NULL, NULL, 0);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(3);
	int status;
	CHECK(waitpid(-1, &status, __WALL) == pid);
	printf("__WALL: exited %d\n", WEXITSTATUS(status));

	pid = syscall(SYS_clone, SIGCHLD, 0, NULL, NULL, 0);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(4);
	CHECK_ERR(waitpid(-1, &status, __WCLONE), ECHILD); /* it has no clone children */
	CHECK(waitpid(-1, &status, 0) == pid);
	printf("__WCLONE passes it over: exited %d\n", WEXITSTATUS(status));
	return 0;
}
