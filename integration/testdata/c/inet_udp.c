// laplace: same
// UDP over the loopback interface.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct sockaddr_in a, b, from;
static socklen_t n = sizeof a, k = sizeof from;
#define SA(x) ((struct sockaddr *)&(x))

static short polls(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	return p.revents;
}

int main(void)
{
	char buf[64];
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0), size;
	printf("fresh: %x\n", polls(s));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(s, SA(a), n) == 0 && getsockname(s, SA(a), &n) == 0);
	CHECK_ERR(bind(d, SA(a), n), EADDRINUSE);
	CHECK_ERR(listen(s, 1), EOPNOTSUPP);
	CHECK_ERR(send(c, "x", 1, 0), EDESTADDRREQ);
	CHECK(sendto(c, "hello", 5, 0, SA(a), n) == 5 && sendto(c, "", 0, 0, SA(a), n) == 0);
	CHECK(poll(&(struct pollfd){.fd = s, .events = POLLIN}, 1, 1000) == 1);
	CHECK(ioctl(s, FIONREAD, &size) == 0 && size == 5);
	CHECK(recvfrom(s, buf, 64, 0, SA(from), &k) == 5 && k == sizeof from && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(recv(s, buf, 64, 0) == 0);
	CHECK(getsockname(c, SA(b), &k) == 0 && b.sin_port == from.sin_port);
	printf("who sends has the address %s\n", inet_ntoa(b.sin_addr));
	CHECK(sendto(s, "reply", 5, 0, SA(from), sizeof from) == 5 && recv(c, buf, 3, MSG_TRUNC) == 5);
	CHECK(connect(c, SA(a), n) == 0);
	CHECK(getsockname(c, SA(b), &k) == 0 && getpeername(c, SA(from), &k) == 0 && from.sin_port == a.sin_port);
	printf("who is connected has the address %s\n", inet_ntoa(b.sin_addr));
	CHECK(send(c, "connected", 9, 0) == 9 && recv(s, buf, 64, 0) == 9);
	CHECK(sendto(d, "not for it", 10, 0, SA(b), sizeof b) == 10);
	CHECK_ERR(recv(c, buf, 64, MSG_DONTWAIT), EAGAIN);
	CHECK(sendto(s, "for it", 6, 0, SA(b), sizeof b) == 6 && recv(c, buf, 64, 0) == 6);
	b.sin_family = AF_UNSPEC;
	CHECK(connect(c, SA(b), n) == 0);
	CHECK_ERR(getpeername(c, SA(from), &k), ENOTCONN);
	static char big[70000];
	CHECK_ERR(sendto(c, big, sizeof big, 0, SA(a), n), EMSGSIZE);
	CHECK(sendto(c, big, 60000, 0, SA(a), n) == 60000 && recv(s, big, sizeof big, 0) == 60000);

	/* Nobody is there any more. */
	CHECK(connect(c, SA(a), n) == 0);
	close(s);
	CHECK(send(c, "x", 1, 0) == 1);
	usleep(80000);
	printf("refused: %x\n", polls(c));
	CHECK_ERR(recv(c, buf, 64, MSG_DONTWAIT), ECONNREFUSED);
	CHECK(send(c, "x", 1, 0) == 1);
	usleep(80000);
	CHECK_ERR(send(c, "x", 1, 0), ECONNREFUSED);
	CHECK(sendto(d, "x", 1, 0, SA(a), n) == 1);
	usleep(80000);
	CHECK_ERR(recv(d, buf, 64, MSG_DONTWAIT), EAGAIN);
	a.sin_port = 0;
	CHECK_ERR(sendto(d, "x", 1, 0, SA(a), n), EINVAL);

	s = socket(AF_INET, SOCK_DGRAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_ANY);
	CHECK(bind(s, SA(a), n) == 0 && getsockname(s, SA(a), &n) == 0);
	a.sin_addr.s_addr = htonl(0x7f000005); /* 127.0.0.5 */
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++) {
			CHECK(sendto(d, &i, sizeof i, 0, SA(a), n) == sizeof i);
			CHECK(recv(d, &size, sizeof size, 0) == sizeof size && size == i * i);
		}
		_exit(0);
	}
	for (int i = 0; i < 10; i++) {
		k = sizeof from;
		CHECK(recvfrom(s, &size, sizeof size, 0, SA(from), &k) == sizeof size && size == i);
		size *= i;
		CHECK(sendto(s, &size, sizeof size, 0, SA(from), k) == sizeof size);
	}
	int ws;
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);
	printf("from %s\n", inet_ntoa(from.sin_addr));
	return 0;
}
