// laplace: same
// recvmmsg and sendmmsg whose first message has to wait more than once, or only in part can be
// sent; what was asked for before a socket was shut down can be accepted.
#include "check.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static int s[2];

static void *sends(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		usleep(10000);
		CHECK(write(s[1], "abcd", 4) == 4);
	}
	return NULL;
}

int main(void)
{
	static char big[4 << 20];
	char buf[12];
	struct iovec io = {buf, sizeof buf};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &io, .msg_iovlen = 1}};
	struct timeval soon = {0, 10000};
	pthread_t other;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(pthread_create(&other, NULL, sends, NULL) == 0);
	CHECK(recvmmsg(s[0], &m, 1, MSG_WAITALL, NULL) == 1 && m.msg_len == 12);
	CHECK(pthread_join(other, NULL) == 0);

	CHECK(write(s[1], "ab", 2) == 2);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
	CHECK(recvmmsg(s[0], &m, 1, MSG_WAITALL, NULL) == 1 && m.msg_len == 2);

	io = (struct iovec){big, sizeof big};
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon) == 0);
	CHECK(sendmmsg(s[0], &m, 1, 0) == 1);
	CHECK(m.msg_len > 0 && m.msg_len < sizeof big);

	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0many_waits"};
	socklen_t n = sizeof(sa_family_t) + 11;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&a, n) == 0 && listen(l, 5) == 0);
	CHECK(connect(c, (struct sockaddr *)&a, n) == 0);
	CHECK(shutdown(l, SHUT_RD) == 0);
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	puts("ok");
	return 0;
}
