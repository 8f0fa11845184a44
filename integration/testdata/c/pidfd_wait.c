// laplace: same
// pidfd_open, poll, epoll and waitid: a process's descriptor can be read when it ends, whoever waits.
#include "check.h"
#include "epoll.h"
#include <sys/syscall.h>

static int opens(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }

static pid_t child(int ms, int status)
{
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(ms * 1000);
		_exit(status);
	}
	return pid;
}

int main(void)
{
	char link[64], path[64];
	CHECK_ERR(opens(0, 0), EINVAL);
	CHECK_ERR(opens(-1, 0), EINVAL);
	CHECK_ERR(opens(getpid(), 1), EINVAL);
	CHECK_ERR(opens(299999, 0), ESRCH);
	int self = opens(getpid(), 0);
	CHECK(self >= 0 && fcntl(self, F_GETFD) == FD_CLOEXEC);
	snprintf(path, sizeof path, "/proc/self/fd/%d", self);
	ssize_t n = readlink(path, link, sizeof link);
	printf("%.*s\n", (int)n, link);
	CHECK_ERR(read(self, link, 8), EINVAL);
	CHECK_ERR(write(self, link, 8), EINVAL);
	struct pollfd p = {.fd = self, .events = POLLIN | POLLOUT};
	CHECK(poll(&p, 1, 0) == 0);

	/* poll and waitid. */
	siginfo_t info;
	pid_t pid = child(20, 7);
	int fd = opens(pid, 0);
	CHECK(fd >= 0);
	p.fd = fd;
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	memset(&info, 0, sizeof info);
	CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid && info.si_status == 7);
	CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_pid == pid && info.si_code == CLD_EXITED);
	CHECK_ERR(waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_PIDFD, self, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_PIDFD, 99, &info, WEXITED), EBADF);
	CHECK_ERR(waitid(P_PIDFD, 0, &info, WEXITED), EBADF);
	CHECK_ERR(opens(pid, 0), ESRCH);
	close(fd);

	/* That does not wait. */
	pid = child(20, 1);
	CHECK((fd = opens(pid, O_NONBLOCK)) >= 0);
	CHECK_ERR(waitid(P_PIDFD, fd, &info, WEXITED), EAGAIN);
	CHECK(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) == 0);
	p.fd = fd;
	CHECK(poll(&p, 1, -1) == 1);
	CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_status == 1);
	close(fd);

	/* Several in an epoll, told in the order of their ends. */
	int ep = epoll_create1(0);
	pid_t pids[4];
	for (int i = 0; i < 4; i++) {
		pids[i] = child(200 - 50 * i, i);
		CHECK((fd = opens(pids[i], 0)) >= 0);
		CHECK(watch(ep, fd, EPOLLIN | (i == 2 ? EPOLLET : 0), fd) == 0);
	}
	for (int i = 0; i < 4; i++) {
		struct epoll_event ev;
		CHECK(epoll_wait(ep, &ev, 1, -1) == 1 && ev.events == EPOLLIN);
		CHECK(waitid(P_PIDFD, ev.data.u64, &info, WEXITED) == 0);
		printf("%d ended\n", info.si_status);
		close(ev.data.u64);
	}

	/* Not the parent waits: a sibling's end. */
	pid_t one = child(50, 0);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		p.fd = opens(one, 0);
		CHECK(p.fd >= 0 && poll(&p, 1, -1) == 1);
		CHECK_ERR(waitid(P_PIDFD, p.fd, &info, WEXITED), ECHILD);
		printf("a sibling has ended\n");
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid && waitpid(one, NULL, 0) == one);
	return 0;
}
