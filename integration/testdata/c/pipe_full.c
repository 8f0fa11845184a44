// laplace: same
// A pipe holds 65,536 bytes. Non-blocking: partial writes above PIPE_BUF, all or nothing up to it, EAGAIN when full
// and when empty.
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>

static char buf[200000];

static int queued(int fd)
{
	int n;
	CHECK(ioctl(fd, FIONREAD, &n) == 0);
	return n;
}

static void drain(int fd, long n)
{
	while (n > 0) {
		ssize_t r = read(fd, buf, n < (long)sizeof buf ? n : (long)sizeof buf);
		CHECK(r > 0);
		n -= r;
	}
}

int main(void)
{
	setlinebuf(stdout);
	int p[2];
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	printf("PIPE_BUF %d\n", PIPE_BUF);
	printf("capacity %d\n", fcntl(p[1], F_GETPIPE_SZ));

	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	long total = 0;
	ssize_t n;
	while ((n = write(p[1], buf, 4096)) > 0)
		total += n;
	if (n != -1 || errno != EAGAIN)
		FAIL("write");
	printf("by 4096: %ld\n", total);
	CHECK(queued(p[0]) == total);
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);
	CHECK_ERR(write(p[1], buf, sizeof buf), EAGAIN);
	drain(p[0], total);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);

	for (total = 0; (n = write(p[1], buf, 1)) > 0; total += n)
		;
	if (errno != EAGAIN)
		FAIL("write");
	printf("by 1: %ld\n", total);
	drain(p[0], total);

	n = write(p[1], buf, sizeof buf);
	printf("at once: %zd\n", n);
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);

	/* One page is consumed: one page fits again, more is cut or refused. */
	drain(p[0], 4096);
	CHECK(write(p[1], buf, 10000) == 4096);
	CHECK_ERR(write(p[1], buf, 10000), EAGAIN);
	drain(p[0], 4096);
	CHECK(write(p[1], buf, 4096) == 4096);
	CHECK_ERR(write(p[1], buf, 4096), EAGAIN);
	printf("a page at a time\n");
	drain(p[0], 65536);
	CHECK(queued(p[0]) == 0);

	/* Up to PIPE_BUF a write is never cut. */
	CHECK(write(p[1], buf, 61440) == 61440);
	CHECK(write(p[1], buf, 4000) == 4000);
	CHECK_ERR(write(p[1], buf, 97), EAGAIN);
	CHECK_ERR(write(p[1], buf, 4096), EAGAIN);
	CHECK(write(p[1], buf, 96) == 96);
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);
	printf("all or nothing\n");
	drain(p[0], 65536);

	/* The flag belongs to the description: setting it by fcntl works at once, for either end on its own. */
	CHECK(fcntl(p[0], F_SETFL, 0) == 0);
	CHECK(fcntl(p[0], F_GETFL) == O_RDONLY && fcntl(p[1], F_GETFL) == (O_WRONLY | O_NONBLOCK));
	CHECK(write(p[1], "z", 1) == 1 && read(p[0], buf, 10) == 1);
	printf("flags per end\n");

	/* The end of file is 0, not EAGAIN. */
	CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	CHECK(close(p[1]) == 0);
	CHECK(read(p[0], buf, 1) == 0);
	printf("end\n");
	return 0;
}
