// laplace: same
// connect that does not wait; connections that are refused; places that cannot be reached.
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct sockaddr_in a;
static socklen_t n = sizeof a;
#define A ((struct sockaddr *)&a)

static int pending(int fd)
{
	int e = -1;
	socklen_t k = sizeof e;
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &k) == 0);
	return e;
}

static void polls(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	CHECK(poll(&p, 1, 1000) == 1);
	printf("%s: %x\n", what, p.revents);
}

int main(void)
{
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(l, A, n) == 0 && getsockname(l, A, &n) == 0 && listen(l, 5) == 0);
	CHECK_ERR(connect(c, A, n), EINPROGRESS);
	polls("connected", c);
	CHECK(pending(c) == 0);
	CHECK(connect(c, A, n) == 0);
	CHECK_ERR(connect(c, A, n), EISCONN);
	int d = accept(l, NULL, NULL);
	char buf[8];
	CHECK(d >= 0 && write(c, "x", 1) == 1 && read(d, buf, 8) == 1);
	CHECK(fcntl(l, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	close(l);

	int e = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(connect(e, A, n), ECONNREFUSED);
	CHECK(pending(e) == 0);
	CHECK(fcntl(e, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(connect(e, A, n), EINPROGRESS);
	polls("refused", e);
	CHECK(pending(e) == ECONNREFUSED && pending(e) == 0);
	polls("after that", e);
	close(e);
	e = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(connect(e, A, n), EINPROGRESS);
	polls("refused again", e);
	CHECK_ERR(read(e, buf, 8), ECONNREFUSED);
	CHECK(read(e, buf, 8) == 0);

	/* The same socket may try again. */
	l = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;
	CHECK(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	a.sin_port = 0;
	CHECK(bind(l, A, n) == 0 && getsockname(l, A, &n) == 0);
	e = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(connect(e, A, n), ECONNREFUSED);
	CHECK(listen(l, 5) == 0);
	CHECK(connect(e, A, n) == 0);

	e = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_family = AF_INET6;
	CHECK_ERR(connect(e, A, n), EAFNOSUPPORT);
	CHECK_ERR(connect(e, A, 1), EINVAL);
	a.sin_family = AF_INET;
	CHECK_ERR(connect(e, A, 8), EINVAL);
	a.sin_addr.s_addr = 0; /* this machine */
	CHECK(connect(e, A, n) == 0);
	struct sockaddr_in b;
	socklen_t k = sizeof b;
	CHECK(getpeername(e, (struct sockaddr *)&b, &k) == 0);
	printf("%s\n", inet_ntoa(b.sin_addr));
	if (boxed()) {
		int f = socket(AF_INET, SOCK_STREAM, 0);
		a.sin_addr.s_addr = htonl(0x08080808);
		CHECK_ERR(connect(f, A, n), ENETUNREACH);
	}
	return 0;
}
