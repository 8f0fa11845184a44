// laplace: same
// Full pipes both ways: the parent feeds 1 MiB to a child and takes back 2 MiB, with poll, never deadlocked. A
// parent that forgets to poll would be.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

enum { SIZE = 1 << 20 };
static unsigned char in[SIZE], out[2 * SIZE];

int main(void)
{
	for (int i = 0; i < SIZE; i++)
		in[i] = i ^ (i >> 10);
	int down[2], up[2];
	CHECK(pipe(down) == 0 && pipe(up) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* Every byte twice, with plain blocking calls. */
		static unsigned char a[30000], b[60000];
		ssize_t n;
		close(down[1]);
		close(up[0]);
		while ((n = read(down[0], a, sizeof a)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				b[2 * i] = b[2 * i + 1] = a[i];
			CHECK(write(up[1], b, 2 * n) == 2 * n);
		}
		_exit(n);
	}
	close(down[0]);
	close(up[1]);
	CHECK(fcntl(down[1], F_SETFL, O_NONBLOCK) == 0);
	size_t sent = 0, have = 0;
	struct pollfd p[2] = {{.fd = down[1], .events = POLLOUT}, {.fd = up[0], .events = POLLIN}};
	for (;;) {
		CHECK(poll(p, 2, -1) > 0);
		if (p[0].revents & POLLOUT) {
			ssize_t n = write(down[1], in + sent, SIZE - sent);
			if (n < 0 && errno != EAGAIN)
				FAIL("write");
			if (n > 0)
				sent += n;
			if (sent == SIZE) {
				close(down[1]);
				p[0].fd = -1;
				p[0].revents = 0;
			}
		}
		if (p[1].revents) {
			ssize_t n = read(up[0], out + have, sizeof out - have);
			CHECK(n >= 0);
			if (n == 0)
				break;
			have += n;
		}
	}
	CHECK(sent == SIZE && have == 2 * SIZE);
	for (int i = 0; i < SIZE; i++)
		if (out[2 * i] != in[i] || out[2 * i + 1] != in[i])
			FAIL("byte %d", i);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	printf("%zu there, %zu back\n", sent, have);
	return 0;
}
