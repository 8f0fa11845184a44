// laplace: same
// getsockopt and setsockopt of Unix sockets.
#include "check.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

static void get(int fd, const char *name, int level, int option)
{
	int v[4] = {-1, -1, -1, -1};
	socklen_t n = sizeof v;
	errno = 0;
	int r = getsockopt(fd, level, option, v, &n);
	printf("%s: %d %s", name, r, errname(r < 0 ? errno : 0));
	for (unsigned i = 0; r == 0 && i < n / 4; i++)
		printf(" %d", v[i]);
	printf("\n");
}

static void set(int fd, const char *name, int level, int option, int value)
{
	errno = 0;
	int r = setsockopt(fd, level, option, &value, sizeof value);
	printf("%s=%d: %d %s\n", name, value, r, errname(r < 0 ? errno : 0));
	get(fd, name, level, option);
}

#define GET(o) get(s[0], #o, SOL_SOCKET, o)
#define SET(o, v) set(s[0], #o, SOL_SOCKET, o, v)

int main(void)
{
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	GET(SO_TYPE);
	GET(SO_DOMAIN);
	GET(SO_PROTOCOL);
	GET(SO_ERROR);
	GET(SO_ACCEPTCONN);
	SET(SO_REUSEADDR, 1);
	SET(SO_KEEPALIVE, 7);
	SET(SO_BROADCAST, 1);
	SET(SO_PASSCRED, 1);
	SET(SO_PRIORITY, 3);
	SET(SO_SNDBUF, 10000);
	SET(SO_RCVBUF, 1);
	SET(SO_SNDBUF, 1);
	SET(SO_TYPE, 1);
	SET(SO_ERROR, 1);
	GET(SO_LINGER);
	struct linger l = {1, 5};
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	GET(SO_LINGER);
	struct timeval tv = {2, 500000};
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	GET(SO_RCVTIMEO);
	GET(SO_SNDTIMEO);
	tv.tv_usec = 1000000;
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv), EDOM);
	int v = 1;
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &v, 2), EINVAL);
	CHECK_ERR(setsockopt(s[0], IPPROTO_TCP, TCP_NODELAY, &v, 4), EOPNOTSUPP);
	socklen_t n = 2;
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &n) == 0 && n == 2);
	CHECK_ERR(getsockopt(0, SOL_SOCKET, SO_TYPE, &v, &n), ENOTSOCK);
	char name[64];
	n = sizeof name;
	CHECK(getsockname(s[0], (struct sockaddr *)name, &n) == 0);
	printf("name: %u bytes, family %d\n", n, ((struct sockaddr *)name)->sa_family);
	n = 1;
	CHECK(getpeername(s[0], (struct sockaddr *)name, &n) == 0);
	printf("peer: %u bytes\n", n);
	int d = socket(AF_UNIX, SOCK_DGRAM, 0), q = socket(AF_UNIX, SOCK_SEQPACKET, 0), r = socket(AF_UNIX, SOCK_RAW, 0);
	get(d, "SO_TYPE", SOL_SOCKET, SO_TYPE);
	get(q, "SO_TYPE", SOL_SOCKET, SO_TYPE);
	get(r, "SO_TYPE", SOL_SOCKET, SO_TYPE);
	get(d, "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF);
	get(d, "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF);
	n = sizeof name;
	CHECK_ERR(getpeername(d, (struct sockaddr *)name, &n), ENOTCONN);
	return 0;
}
