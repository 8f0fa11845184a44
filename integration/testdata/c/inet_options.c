// laplace: same refused=*
// Options of TCP and UDP sockets.
#include "check.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

#define GET(fd, l, o) get(fd, #o, l, o)
#define SET(fd, l, o, v) set(fd, #o, l, o, v)

int main(void)
{
	int t = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
	GET(t, SOL_SOCKET, SO_TYPE);
	GET(t, SOL_SOCKET, SO_DOMAIN);
	GET(t, SOL_SOCKET, SO_PROTOCOL);
	GET(u, SOL_SOCKET, SO_TYPE);
	GET(u, SOL_SOCKET, SO_PROTOCOL);
	GET(six, SOL_SOCKET, SO_DOMAIN);
	GET(t, SOL_SOCKET, SO_ACCEPTCONN);
	CHECK(listen(t, 1) == 0);
	GET(t, SOL_SOCKET, SO_ACCEPTCONN);
	SET(t, IPPROTO_TCP, TCP_NODELAY, 1);
	SET(t, IPPROTO_TCP, TCP_NODELAY, 0);
	SET(t, IPPROTO_TCP, TCP_CORK, 1);
	SET(t, IPPROTO_TCP, TCP_KEEPIDLE, 100);
	SET(t, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	SET(t, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	SET(t, IPPROTO_TCP, TCP_KEEPCNT, 3);
	SET(t, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	SET(t, SOL_SOCKET, SO_KEEPALIVE, 1);
	SET(t, SOL_SOCKET, SO_REUSEPORT, 1);
	SET(t, SOL_SOCKET, SO_RCVBUF, 20000);
	SET(t, SOL_SOCKET, SO_SNDBUF, 20000);
	GET(t, SOL_SOCKET, SO_LINGER);
	SET(t, IPPROTO_IP, IP_TOS, 16);
	SET(u, SOL_SOCKET, SO_BROADCAST, 1);
	GET(u, SOL_SOCKET, SO_RCVBUF);
	SET(u, IPPROTO_IP, IP_RECVERR, 1);
	GET(six, IPPROTO_IPV6, IPV6_V6ONLY);
	SET(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	GET(u, IPPROTO_IPV6, IPV6_V6ONLY);
	GET(t, IPPROTO_TCP, 9999);
	return 0;
}
