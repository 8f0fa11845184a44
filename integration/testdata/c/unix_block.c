// laplace: same
// Blocking transfers in both directions at once, larger than what a socket holds.
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { size = 3000000 };
static unsigned char all[size];

static void echo(int fd)
{
	char buf[7001];
	long n;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		CHECK(write(fd, buf, n) == n);
	CHECK(n == 0);
	_exit(0);
}

int main(void)
{
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t e = fork();
	if (e == 0) {
		close(s[0]);
		echo(s[1]);
	}
	close(s[1]);
	pid_t w = fork();
	if (w == 0) {
		for (int i = 0; i < size; i++)
			all[i] = i * 7 / 3;
		CHECK(write(s[0], all, size) == size);
		CHECK(shutdown(s[0], SHUT_WR) == 0);
		_exit(0);
	}
	unsigned sum = 0;
	long got = 0, n;
	unsigned char buf[50000];
	while ((n = read(s[0], buf, sizeof buf)) > 0)
		for (long i = 0; i < n; i++, got++) {
			CHECK(buf[i] == (unsigned char)(got * 7 / 3));
			sum = sum * 31 + buf[i];
		}
	printf("%ld bytes, %u\n", got, sum);
	int ws;
	CHECK(waitpid(e, &ws, 0) == e && ws == 0 && waitpid(w, &ws, 0) == w && ws == 0);

	int d[2];
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	if ((w = fork()) == 0) {
		for (int i = 0; i < 2000; i++)
			CHECK(send(d[0], all, 100 + i, 0) == 100 + i);
		_exit(0);
	}
	for (int i = 0; i < 2000; i++)
		CHECK(recv(d[1], buf, sizeof buf, 0) == 100 + i);
	CHECK(waitpid(w, &ws, 0) == w && ws == 0);
	printf("messages\n");
	return 0;
}
