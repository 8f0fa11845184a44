// laplace: same
// Unix sockets whose names are no paths, and names that are chosen.
#include "check.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un a = {.sun_family = AF_UNIX};

static socklen_t at(const char *name)
{
	memset(a.sun_path, 0, sizeof a.sun_path);
	snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "laplace-test-%d-%s", (int)getpid(), name);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1);
}

#define AT(f, fd, name) f(fd, (struct sockaddr *)&a, at(name))

int main(void)
{
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[64];
	CHECK_ERR(AT(connect, c, "a"), ECONNREFUSED);
	CHECK(AT(bind, l, "a") == 0 && listen(l, 5) == 0);
	CHECK_ERR(AT(bind, c, "a"), EADDRINUSE);
	CHECK(AT(bind, other, "a") == 0); /* a name of datagram sockets */
	CHECK(AT(connect, c, "a") == 0);
	int d = accept(l, NULL, NULL);
	CHECK(d >= 0 && write(c, "abc", 3) == 3 && read(d, buf, 64) == 3);
	struct sockaddr_un got;
	socklen_t n = sizeof got;
	CHECK(getsockname(d, (struct sockaddr *)&got, &n) == 0 && n == at("a") && memcmp(&got, &a, n) == 0);
	close(l);
	int e = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(AT(connect, e, "a"), ECONNREFUSED);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(AT(bind, l, "longer name") == 0);
	socklen_t full = at("longer name");
	CHECK_ERR(connect(e, (struct sockaddr *)&a, full - 1), ECONNREFUSED);
	CHECK(bind(e, (struct sockaddr *)&a, full + 1) == 0); /* a zero byte more is another name */

	int u = socket(AF_UNIX, SOCK_DGRAM, 0), v = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(u, (struct sockaddr *)&a, sizeof(sa_family_t)) == 0);
	n = sizeof got;
	CHECK(getsockname(u, (struct sockaddr *)&got, &n) == 0);
	printf("chosen: %u bytes, %d\n", n, got.sun_path[0]);
	int on = 1;
	CHECK(setsockopt(v, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
	CHECK(sendto(v, "hi", 2, 0, (struct sockaddr *)&got, n) == 2);
	struct sockaddr_un from;
	socklen_t k = sizeof from;
	CHECK(recvfrom(u, buf, 64, 0, (struct sockaddr *)&from, &k) == 2);
	printf("who passes credentials has a name: %u bytes\n", k);
	CHECK(k != n || memcmp(&from, &got, n) != 0);
	return 0;
}
