// laplace: same
// Pairs of datagram and seqpacket sockets: messages keep their boundaries.
#include "check.h"
#include <signal.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void polls(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
	poll(&p, 1, 0);
	printf("%s: %x\n", what, p.revents);
}

static void one(const char *name, int type)
{
	int s[2];
	char buf[64] = "";
	printf("%s\n", name);
	CHECK(socketpair(AF_UNIX, type, 0, s) == 0);
	polls("fresh", s[0]);
	CHECK(send(s[0], "first", 5, 0) == 5 && send(s[0], "", 0, 0) == 0 && send(s[0], "third", 5, 0) == 5);
	polls("full", s[1]);
	CHECK(recv(s[1], buf, 64, MSG_PEEK) == 5);
	CHECK(recv(s[1], buf, 2, 0) == 2 && memcmp(buf, "fi", 2) == 0);
	CHECK(recv(s[1], buf, 64, 0) == 0);
	CHECK(recv(s[1], buf, 2, MSG_TRUNC) == 5);
	CHECK_ERR(recv(s[1], buf, 2, MSG_DONTWAIT), EAGAIN);
	CHECK(write(s[1], "back", 4) == 4);
	struct iovec v = {buf, 3};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	CHECK(recvmsg(s[0], &m, 0) == 3);
	printf("flags %x, %.3s\n", m.msg_flags, buf);
	static char big[300000];
	CHECK_ERR(send(s[0], big, sizeof big, 0), EMSGSIZE);
	CHECK(send(s[0], big, 100000, 0) == 100000);
	CHECK(recv(s[1], big, sizeof big, 0) == 100000);
	CHECK(send(s[0], "last", 4, 0) == 4);
	close(s[0]);
	polls("other end closed", s[1]);
	CHECK(recv(s[1], buf, 64, 0) == 4);
	errno = 0;
	long n = recv(s[1], buf, 64, MSG_DONTWAIT);
	printf("receive at the end: %ld %s\n", n, errname(n < 0 ? errno : 0));
	for (int i = 0; i < 2; i++) {
		n = send(s[1], "x", 1, MSG_NOSIGNAL);
		printf("send to nobody: %ld %s\n", n, errname(errno));
	}
	polls("after that", s[1]);
	close(s[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	one("datagrams", SOCK_DGRAM);
	one("packets", SOCK_SEQPACKET);
	return 0;
}
