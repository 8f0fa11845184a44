// laplace: same
// IPv6 over the loopback interface, with IPv4 addresses in it and without.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static char text[INET6_ADDRSTRLEN];

static const char *name(int (*f)(int, struct sockaddr *, socklen_t *), int fd)
{
	struct sockaddr_in6 b;
	socklen_t k = sizeof b;
	CHECK(f(fd, (struct sockaddr *)&b, &k) == 0 && k == sizeof b && b.sin6_family == AF_INET6);
	return inet_ntop(AF_INET6, &b.sin6_addr, text, sizeof text);
}

int main(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t n = sizeof a;
	char buf[16];
	int on = 1;
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&a, n) == 0 && getsockname(l, (struct sockaddr *)&a, &n) == 0 && listen(l, 5) == 0);
	CHECK(connect(c, (struct sockaddr *)&a, n) == 0);
	int d = accept(l, NULL, NULL);
	CHECK(d >= 0 && write(c, "six", 3) == 3 && read(d, buf, 16) == 3);
	printf("%s", name(getsockname, c));
	printf(" %s", name(getpeername, c));
	printf(" %s\n", name(getsockname, d));
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = a.sin6_port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int e = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(connect(e, (struct sockaddr *)&v4, sizeof v4), ECONNREFUSED);

	/* A socket with the wildcard address takes both. */
	int any = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 b = {.sin6_family = AF_INET6};
	n = sizeof b;
	CHECK(bind(any, (struct sockaddr *)&b, n) == 0 && getsockname(any, (struct sockaddr *)&b, &n) == 0 && listen(any, 5) == 0);
	v4.sin_port = b.sin6_port;
	CHECK(connect(e, (struct sockaddr *)&v4, sizeof v4) == 0);
	d = accept(any, NULL, NULL);
	printf("%s", name(getsockname, d));
	printf(" %s\n", name(getpeername, d));
	CHECK(write(e, "four", 4) == 4 && read(d, buf, 16) == 4);
	int f = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(inet_pton(AF_INET6, "::ffff:127.0.0.1", &b.sin6_addr) == 1);
	CHECK(connect(f, (struct sockaddr *)&b, n) == 0);
	printf("%s", name(getsockname, f));
	printf(" %s\n", name(getpeername, f));
	int g = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(bind(g, (struct sockaddr *)&v4, sizeof v4), EADDRINUSE);

	/* One that has asked for it takes IPv6 only. */
	int only = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 o = {.sin6_family = AF_INET6};
	CHECK(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
	CHECK(bind(only, (struct sockaddr *)&o, n) == 0 && getsockname(only, (struct sockaddr *)&o, &n) == 0 && listen(only, 5) == 0);
	v4.sin_port = o.sin6_port;
	v4.sin_addr.s_addr = htonl(INADDR_ANY);
	CHECK(bind(g, (struct sockaddr *)&v4, sizeof v4) == 0);
	o.sin6_addr = in6addr_loopback;
	CHECK(connect(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&o, n) == 0);
	CHECK_ERR(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), EINVAL);

	int u = socket(AF_INET6, SOCK_DGRAM, 0), w = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 p = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, from;
	CHECK(bind(u, (struct sockaddr *)&p, n) == 0 && getsockname(u, (struct sockaddr *)&p, &n) == 0);
	CHECK(sendto(w, "udp", 3, 0, (struct sockaddr *)&p, n) == 3);
	n = sizeof from;
	CHECK(recvfrom(u, buf, 16, 0, (struct sockaddr *)&from, &n) == 3 && n == sizeof from);
	printf("%s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text));
	return 0;
}
