// laplace: same
// shutdown of one direction and both, and what poll says of either end.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

static void state(const char *what, int s[2])
{
	char buf[8];
	printf("%s:", what);
	for (int i = 0; i < 2; i++) {
		struct pollfd p = {.fd = s[i], .events = POLLIN | POLLOUT | POLLRDHUP};
		poll(&p, 1, 0);
		errno = 0;
		long n = recv(s[i], buf, 8, MSG_DONTWAIT);
		printf(" [%x, recv %ld %s,", p.revents, n, errname(errno));
		errno = 0;
		n = send(s[i], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		printf(" send %ld %s]", n, errname(errno));
		recv(s[1 - i], buf, 8, MSG_DONTWAIT);
	}
	printf("\n");
}

static void one(int type)
{
	static const char *names[] = {"receiving", "sending", "both"};
	for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
		int s[2];
		CHECK(socketpair(AF_UNIX, type, 0, s) == 0);
		CHECK(shutdown(s[0], how) == 0);
		state(names[how], s);
		CHECK(shutdown(s[1], SHUT_WR) == 0);
		state("and the other's sending", s);
		CHECK_ERR(shutdown(s[0], 3), EINVAL);
		close(s[0]);
		close(s[1]);
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	one(SOCK_STREAM);
	one(SOCK_SEQPACKET);
	one(SOCK_DGRAM);
	int s[2];
	char buf[8];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	if (fork() == 0) {
		usleep(1000);
		shutdown(s[1], SHUT_WR);
		usleep(1000);
		_exit(0);
	}
	CHECK(read(s[0], buf, 8) == 0);
	CHECK_ERR(shutdown(0, SHUT_RD), ENOTSOCK);
	return 0;
}
