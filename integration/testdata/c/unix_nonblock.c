// laplace: same
// Sockets that do not wait: by their type, by fcntl, by FIONBIO; full, and empty again.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static short polls(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	return p.revents;
}

int main(void)
{
	int s[2], on = 1, off = 0, n;
	static char buf[65536];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(fcntl(s[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(s[1], F_GETFD) == FD_CLOEXEC);
	CHECK_ERR(read(s[0], buf, 1), EAGAIN);
	long sent = 0, got = 0, k;
	while ((k = write(s[0], buf, sizeof buf)) > 0)
		sent += k;
	int full = errno;
	CHECK(k == -1 && full == EAGAIN && sent > 100000 && sent < 1000000);
	CHECK(polls(s[0]) == 0 && polls(s[1]) == (POLLIN | POLLOUT));
	CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == sent);
	while ((k = read(s[1], buf, sizeof buf)) > 0)
		got += k;
	int empty = errno;
	CHECK(k == -1 && empty == EAGAIN && sent == got);
	CHECK(polls(s[0]) == POLLOUT && polls(s[1]) == POLLOUT);
	CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 0);

	int count = 0;
	while (write(s[0], "x", 1) == 1)
		count++;
	full = errno;
	CHECK(full == EAGAIN && count > 100 && count < 5000);
	CHECK(recv(s[1], buf, count, MSG_WAITALL) == count);
	CHECK(ioctl(s[0], FIONBIO, &off) == 0 && fcntl(s[0], F_GETFL) == O_RDWR);
	CHECK(fcntl(s[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(recv(s[0], buf, 1, 0), EAGAIN);
	CHECK(fcntl(s[0], F_SETFL, 0) == 0 && ioctl(s[0], FIONBIO, &on) == 0);
	CHECK_ERR(recv(s[0], buf, 1, 0), EAGAIN);

	int d[2];
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, d) == 0);
	count = 0;
	while (write(d[0], buf, 1000) == 1000)
		count++;
	full = errno;
	CHECK(full == EAGAIN && count > 20 && count < 500);
	CHECK(polls(d[0]) == 0);
	CHECK(ioctl(d[1], FIONREAD, &n) == 0 && n == 1000);
	while (read(d[1], buf, sizeof buf) == 1000)
		count--;
	empty = errno;
	CHECK(empty == EAGAIN && count == 0 && polls(d[0]) == POLLOUT);
	return 0;
}
