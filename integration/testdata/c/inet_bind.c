// laplace: same refused=socket
// Which addresses and ports an internet socket can have.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in at(uint32_t addr, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

static int binds(int fd, uint32_t addr, int port)
{
	struct sockaddr_in a = at(addr, port);
	return bind(fd, (struct sockaddr *)&a, sizeof a);
}

static int port(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof a;
	CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	return ntohs(a.sin_port);
}

static int made(int type)
{
	int fd = socket(AF_INET, type, 0);
	CHECK(fd >= 0);
	return fd;
}

enum { lo = 0x7f000001 };

int main(void)
{
	int a = made(SOCK_STREAM), b = made(SOCK_STREAM), on = 1;
	CHECK(binds(a, lo, 0) == 0);
	int p = port(a);
	CHECK_ERR(binds(a, lo, 0), EINVAL);
	CHECK_ERR(binds(b, lo, p), EADDRINUSE);
	CHECK_ERR(binds(b, 0, p), EADDRINUSE);
	CHECK(binds(b, lo + 1, p) == 0); /* 127.0.0.2 */
	CHECK(listen(a, 1) == 0 && listen(b, 1) == 0);
	CHECK(binds(made(SOCK_DGRAM), lo, p) == 0); /* UDP has ports of its own */
	CHECK_ERR(binds(made(SOCK_STREAM), 0x08080808, 0), EADDRNOTAVAIL);
	CHECK_ERR(binds(made(SOCK_STREAM), lo, 80), EACCES);
	struct sockaddr_in s = at(lo, 0);
	CHECK_ERR(bind(made(SOCK_STREAM), (struct sockaddr *)&s, 8), EINVAL);
	s.sin_family = AF_UNIX;
	CHECK_ERR(bind(made(SOCK_STREAM), (struct sockaddr *)&s, sizeof s), EAFNOSUPPORT);

	int c = made(SOCK_STREAM), d = made(SOCK_STREAM);
	CHECK(setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && setsockopt(d, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	CHECK(binds(c, lo, 0) == 0 && binds(d, lo, port(c)) == 0);
	CHECK(listen(c, 1) == 0);
	CHECK_ERR(listen(d, 1), EADDRINUSE);
	int e = made(SOCK_STREAM);
	CHECK(setsockopt(e, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	CHECK_ERR(binds(e, lo, port(c)), EADDRINUSE);
	p = port(c);
	close(c);
	close(d);
	CHECK(binds(e, lo, p) == 0 && listen(e, 1) == 0);

	int f = made(SOCK_STREAM), g = made(SOCK_STREAM);
	CHECK(setsockopt(f, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 && setsockopt(g, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
	CHECK(binds(f, lo, 0) == 0 && binds(g, lo, port(f)) == 0 && listen(f, 1) == 0 && listen(g, 1) == 0);

	int h = made(SOCK_STREAM);
	CHECK(listen(h, 1) == 0 && port(h) > 0); /* a port of the kernel's choice */
	struct sockaddr_in t = at(lo, port(h));
	int i = made(SOCK_STREAM);
	CHECK(connect(i, (struct sockaddr *)&t, sizeof t) == 0);
	CHECK_ERR(bind(i, (struct sockaddr *)&t, sizeof t), EINVAL);
	CHECK_ERR(listen(i, 1), EINVAL);
	int j = made(SOCK_STREAM);
	CHECK(binds(j, lo + 8, 0) == 0);
	int own = port(j);
	CHECK(connect(j, (struct sockaddr *)&t, sizeof t) == 0 && port(j) == own);
	CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
	CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}), EOPNOTSUPP);
	CHECK_ERR(socket(AF_INET, 77, 0), EINVAL);
	return 0;
}
