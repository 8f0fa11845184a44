// laplace: same
// What is watched is a description: closed when the last descriptor of it is, in whatever process.
#include "check.h"
#include "epoll.h"

int main(void)
{
	int ep = epoll_create1(0), p[2], other, q[2];
	char b[8];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	CHECK(write(p[1], "a", 1) == 1);
	CHECK(watch(ep, p[0], EPOLLIN, 1) == 0);
	CHECK((other = dup(p[0])) >= 0);
	CHECK(watch(ep, other, EPOLLIN, 2) == 0);
	ready(ep, 8, 0, "two descriptors");
	int was = p[0];
	close(p[0]);
	ready(ep, 8, 0, "one closed");
	CHECK_ERR(forget(ep, was), EBADF);
	CHECK(dup2(other, was) == was && forget(ep, was) == 0);
	close(was);
	ready(ep, 8, 0, "one forgotten");
	close(other);
	ready(ep, 8, 0, "both closed");
	close(p[1]);
	CHECK(pipe(p) == 0 && p[0] == was);
	CHECK_ERR(change(ep, p[0], EPOLLIN, 1), ENOENT);

	/* The number of another description. */
	CHECK(watch(ep, p[0], EPOLLIN, 3) == 0);
	CHECK(write(p[1], "a", 1) == 1 && write(q[1], "a", 1) == 1);
	CHECK(dup2(q[0], p[0]) == p[0]);
	ready(ep, 8, 0, "replaced");
	CHECK(watch(ep, p[0], EPOLLIN, 4) == 0);
	ready(ep, 8, 0, "anew");
	CHECK(forget(ep, p[0]) == 0);

	/* An eventfd that a child keeps. */
	int ev = eventfd(1, 0), go[2];
	CHECK(watch(ep, ev, EPOLLIN, 5) == 0 && pipe(go) == 0);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		read(go[0], b, 1);
		_exit(0);
	}
	close(ev);
	ready(ep, 8, 0, "a child has it");
	close(go[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	ready(ep, 8, 0, "it ended");

	/* A child that shares the epoll. */
	ev = eventfd(0, 0);
	if ((pid = fork()) == 0) {
		CHECK(watch(ep, ev, EPOLLIN, 6) == 0);
		CHECK(eventfd_write(ev, 1) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	ready(ep, 8, 0, "a child's item");
	CHECK(forget(ep, ev) == 0);

	/* exec closes. */
	CHECK(fcntl(ev, F_SETFD, FD_CLOEXEC) == 0 && watch(ep, ev, EPOLLIN, 7) == 0);
	CHECK(pipe(go) == 0 && fcntl(go[1], F_SETFD, FD_CLOEXEC) == 0);
	if ((pid = fork()) == 0) {
		dup2(go[0], 0);
		execlp("cat", "cat", (char *)NULL);
		_exit(127);
	}
	close(go[0]);
	usleep(200000);
	close(ev);
	ready(ep, 8, 0, "closed by an exec");
	close(go[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
