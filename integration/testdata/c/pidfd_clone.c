// laplace: same refused=clone3
// CLONE_PIDFD, of clone and clone3, of forks and vforks: the parent has the descriptor, the child does not.
#include "check.h"
#include "epoll.h"
#include <linux/sched.h>
#include <sys/syscall.h>

static void ends(const char *what, pid_t pid, int fd)
{
	siginfo_t info;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	CHECK(pid > 0 && fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_pid == pid);
	printf("%s: %d\n", what, info.si_status);
	close(fd);
}

int main(void)
{
	int fd = -1, other = -1, next = dup(0);
	close(next);
	fflush(stdout);
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
	if (pid == 0)
		_exit(fcntl(next, F_GETFD) == -1 ? 3 : 4);
	CHECK(fd == next);
	ends("clone", pid, fd);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0), EFAULT);

	struct clone_args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD,
			       .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&other};
	struct clone_args was = a;
	pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0)
		_exit(5);
	CHECK(other == pid && memcmp(&a, &was, sizeof a) == 0);
	ends("clone3", pid, fd);

	a.flags = CLONE_PIDFD | CLONE_VFORK | CLONE_CLEAR_SIGHAND;
	pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 6", NULL);
		_exit(1);
	}
	ends("vfork and exec", pid, fd);
	a.flags = CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_DETACHED;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof a), EINVAL);

	/* A signal comes while the descriptor is made. */
	for (int i = 0; i < 20; i++) {
		a.flags = CLONE_PIDFD;
		pid = syscall(SYS_clone3, &a, sizeof a);
		if (pid == 0)
			_exit(i);
		siginfo_t info;
		CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_status == i);
		close(fd);
	}
	return 0;
}
