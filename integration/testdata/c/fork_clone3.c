// laplace: same
// clone3: as fork, as vfork, and what it refuses.
#include "check.h"
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long clone3(struct clone_args *a, size_t size) { return syscall(SYS_clone3, a, size); }

static int status_of(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int main(void)
{
	setlinebuf(stdout);
	pid_t self = getpid();

	struct clone_args a = {.exit_signal = SIGCHLD};
	long pid = clone3(&a, sizeof a);
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(getppid() == self);
		printf("clone3\n");
		_exit(1);
	}
	printf("exited %d\n", WEXITSTATUS(status_of(pid)));

	/* The first version of the structure is shorter: later fields count as 0. */
	pid = clone3(&a, CLONE_ARGS_SIZE_VER0);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(2);
	printf("version 0: exited %d\n", WEXITSTATUS(status_of(pid)));

	/* A longer structure is fine as long as what is unknown is 0. */
	struct {
		struct clone_args a;
		uint64_t more[4];
	} longer = {.a = {.exit_signal = SIGCHLD}};
	pid = clone3(&longer.a, sizeof longer);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(3);
	printf("longer: exited %d\n", WEXITSTATUS(status_of(pid)));
	longer.more[3] = 1;
	CHECK_ERR(clone3(&longer.a, sizeof longer), E2BIG);

	pid_t in_parent = -1, in_child = -1;
	struct clone_args tids = {
		.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
		.parent_tid = (uintptr_t)&in_parent,
		.child_tid = (uintptr_t)&in_child,
		.exit_signal = SIGCHLD,
	};
	pid = clone3(&tids, sizeof tids);
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(in_child == getpid());
		_exit(4);
	}
	CHECK(in_parent == pid && in_child == -1);
	printf("ids: exited %d\n", WEXITSTATUS(status_of(pid)));

	/* CLONE_VFORK without CLONE_VM: the child has memory of its own, and the parent waits for it. */
	int order[2];
	CHECK(pipe(order) == 0);
	struct clone_args vfork_args = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
	pid = clone3(&vfork_args, sizeof vfork_args);
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(20000);
		CHECK(write(order[1], "c", 1) == 1);
		_exit(5);
	}
	CHECK(write(order[1], "p", 1) == 1);
	char buf[2];
	CHECK(read(order[0], buf, 2) == 2);
	printf("vfork: order %.2s, exited %d\n", buf, WEXITSTATUS(status_of(pid)));

	CHECK_ERR(clone3(&a, CLONE_ARGS_SIZE_VER0 - 1), EINVAL);
	CHECK_ERR(clone3(&a, 1 << 20), E2BIG);
	struct clone_args low_byte = {.flags = SIGCHLD, .exit_signal = SIGCHLD};
	CHECK_ERR(clone3(&low_byte, sizeof low_byte), EINVAL);
	struct clone_args no_signal = {.exit_signal = 65};
	CHECK_ERR(clone3(&no_signal, sizeof no_signal), EINVAL);
	struct clone_args half_stack = {.exit_signal = SIGCHLD, .stack_size = 4096};
	CHECK_ERR(clone3(&half_stack, sizeof half_stack), EINVAL);
	CHECK_ERR(clone3((void *)8, sizeof a), EFAULT);
	CHECK_ERR(wait(NULL), ECHILD);
	printf("errors as documented\n");
	return 0;
}
