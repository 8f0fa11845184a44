// laplace: same
// The end of TCP connections: in order, with unread bytes, with SO_LINGER, and what either end finds.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

static int l, s[2];
static struct sockaddr_in a;
static socklen_t n = sizeof a;

static void pair(void)
{
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(s[0], (struct sockaddr *)&a, n) == 0);
	CHECK((s[1] = accept(l, NULL, NULL)) >= 0);
}

static void state(const char *what, int fd)
{
	char buf[16];
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	usleep(80000); /* natively it takes a moment */
	poll(&p, 1, 0);
	printf("%s: %x", what, p.revents);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		long k = recv(fd, buf, 16, MSG_DONTWAIT);
		printf(", recv %ld %s", k, errname(errno));
	}
	printf("\n");
}

static void sends(const char *what, int fd)
{
	printf("%s:", what);
	for (int i = 0; i < 3; i++) {
		errno = 0;
		long k = send(fd, "x", 1, MSG_NOSIGNAL);
		printf(" %ld %s", k, errname(errno));
		usleep(80000);
	}
	printf("\n");
}

int main(void)
{
	char buf[16];
	l = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(l, (struct sockaddr *)&a, n) == 0 && getsockname(l, (struct sockaddr *)&a, &n) == 0 && listen(l, 5) == 0);

	pair();
	state("open", s[0]);
	CHECK(write(s[1], "rest", 4) == 4);
	close(s[1]);
	state("closed", s[0]);
	sends("send to one that is closed", s[0]);
	state("after that", s[0]);
	close(s[0]);

	pair();
	CHECK(write(s[0], "unread", 6) == 6);
	usleep(80000);
	close(s[1]);
	state("closed with unread bytes", s[0]);
	sends("send", s[0]);
	close(s[0]);

	pair();
	struct linger no = {1, 0};
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_LINGER, &no, sizeof no) == 0);
	close(s[1]);
	state("broken off", s[0]);
	close(s[0]);

	pair();
	CHECK(shutdown(s[0], SHUT_WR) == 0);
	state("shut down for sending", s[0]);
	state("the other end", s[1]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(s[0], "x", 1), EPIPE);
	CHECK(write(s[1], "abc", 3) == 3);
	CHECK(recv(s[0], buf, 3, MSG_WAITALL) == 3);
	CHECK(shutdown(s[1], SHUT_WR) == 0);
	state("both directions", s[0]);
	state("the other end", s[1]);
	close(s[0]);
	close(s[1]);

	pair();
	CHECK(shutdown(s[0], SHUT_RD) == 0);
	state("shut down for receiving", s[0]);
	close(s[0]);
	close(s[1]);

	int f = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(shutdown(f, SHUT_WR), ENOTCONN);
	CHECK_ERR(read(f, buf, 1), ENOTCONN);
	CHECK_ERR(write(f, "x", 1), EPIPE);
	struct pollfd p = {.fd = f, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	printf("fresh: %x\n", p.revents);
	p.fd = l;
	poll(&p, 1, 0);
	printf("listening: %x\n", p.revents);
	CHECK(connect(f, (struct sockaddr *)&a, n) == 0);
	usleep(80000);
	poll(&p, 1, 0);
	printf("a connection: %x\n", p.revents);
	close(l);
	state("never accepted", f);
	return 0;
}
