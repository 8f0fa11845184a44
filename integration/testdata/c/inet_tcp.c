// laplace: same
// TCP over the loopback interface: names, bytes, both directions, several clients.
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct sockaddr_in a;
static socklen_t n = sizeof a;
#define A ((struct sockaddr *)&a)

static void show(const char *what, int (*f)(int, struct sockaddr *, socklen_t *), int fd, int port)
{
	struct sockaddr_in b;
	socklen_t k = sizeof b;
	if (f(fd, (struct sockaddr *)&b, &k) < 0)
		printf("%s: %s\n", what, errname(errno));
	else
		printf("%s: %s, %u bytes, %s\n", what, inet_ntoa(b.sin_addr), k, ntohs(b.sin_port) == port ? "the server's port" : b.sin_port ? "a port" : "no port");
}

int main(void)
{
	char buf[64];
	int l = socket(AF_INET, SOCK_STREAM, 0), port, ws;
	show("fresh", getsockname, l, 0);
	show("fresh", getpeername, l, 0);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(l, A, n) == 0 && getsockname(l, A, &n) == 0 && listen(l, 5) == 0);
	port = ntohs(a.sin_port);
	CHECK(port >= 1024);
	show("listening", getsockname, l, port);
	int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	CHECK(connect(c, A, n) == 0);
	show("client", getsockname, c, port);
	show("client's peer", getpeername, c, port);
	CHECK_ERR(connect(c, A, n), EISCONN);
	CHECK(write(c, "hello", 5) == 5);
	struct sockaddr_in from;
	socklen_t k = sizeof from;
	int d = accept4(l, (struct sockaddr *)&from, &k, SOCK_NONBLOCK);
	CHECK(d >= 0 && k == sizeof from && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && fcntl(d, F_GETFL) == (O_RDWR | O_NONBLOCK));
	struct sockaddr_in mine;
	k = sizeof mine;
	CHECK(getsockname(c, (struct sockaddr *)&mine, &k) == 0 && mine.sin_port == from.sin_port);
	show("accepted", getsockname, d, port);
	struct pollfd p = {.fd = d, .events = POLLIN};
	CHECK(poll(&p, 1, -1) == 1 && read(d, buf, 64) == 5);
	CHECK_ERR(read(d, buf, 64), EAGAIN);
	CHECK(write(d, "back", 4) == 4 && recv(c, buf, 4, MSG_WAITALL) == 4);
	CHECK(shutdown(c, SHUT_WR) == 0);
	CHECK(poll(&p, 1, -1) == 1 && read(d, buf, 64) == 0 && write(d, "answer", 6) == 6);
	close(d);
	CHECK(recv(c, buf, 64, MSG_WAITALL) == 6 && read(c, buf, 64) == 0);
	close(c);

	fflush(stdout);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			close(l);
			c = socket(AF_INET, SOCK_STREAM, 0);
			CHECK(connect(c, A, n) == 0);
			static char big[500000];
			memset(big, 'a' + i, sizeof big);
			CHECK(write(c, big, sizeof big) == sizeof big && shutdown(c, SHUT_WR) == 0);
			long sum;
			CHECK(recv(c, &sum, sizeof sum, MSG_WAITALL) == sizeof sum && sum == 500000L * ('a' + i));
			_exit(0);
		}
	for (int i = 0; i < 4; i++) {
		d = accept(l, NULL, NULL);
		CHECK(d >= 0);
		static char in[65536];
		long sum = 0, got;
		while ((got = read(d, in, sizeof in)) > 0)
			for (long j = 0; j < got; j++)
				sum += in[j];
		CHECK(got == 0 && write(d, &sum, sizeof sum) == sizeof sum);
		close(d);
	}
	while (wait(&ws) > 0)
		CHECK(ws == 0);
	printf("done\n");
	return 0;
}
