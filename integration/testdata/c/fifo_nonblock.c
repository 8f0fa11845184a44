// laplace: same
// O_NONBLOCK on FIFOs: a reader opens at once, a writer only when there is a reader (ENXIO); EAGAIN against end of file.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

int main(void)
{
	setlinebuf(stdout);
	char buf[64];
	CHECK(mkfifo("fifo", 0600) == 0);

	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0);
	CHECK(read(r, buf, 1) == 0); /* no writer */
	struct pollfd p = {.fd = r, .events = POLLIN};
	CHECK(poll(&p, 1, 0) == 0); /* no writer yet is not a hang-up */
	int w = open("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERR(read(r, buf, 1), EAGAIN); /* a writer, but nothing written */
	CHECK(write(w, "data", 4) == 4);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK(read(r, buf, 64) == 4);
	CHECK_ERR(read(r, buf, 1), EAGAIN);
	CHECK(write(w, "rest", 4) == 4 && close(w) == 0);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLHUP));
	CHECK(read(r, buf, 64) == 4);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLHUP);
	CHECK(read(r, buf, 1) == 0);
	printf("read side\n");

	/* Another writer revives it. */
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK(poll(&p, 1, 0) == 0);
	CHECK_ERR(read(r, buf, 1), EAGAIN);
	static char big[70000];
	CHECK(write(w, big, sizeof big) == 65536);
	CHECK_ERR(write(w, big, 1), EAGAIN);
	CHECK(close(r) == 0);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO); /* a writer alone does not help */
	r = open("fifo", O_RDONLY); /* does not block: there is a writer */
	CHECK(r >= 0);
	long total = 0;
	ssize_t n;
	CHECK(close(w) == 0);
	while ((n = read(r, big, sizeof big)) > 0)
		total += n;
	printf("still there: %ld\n", total);
	close(r);

	/* Opening with O_RDWR lets a non-blocking writer in. */
	int rw = open("fifo", O_RDWR | O_NONBLOCK);
	CHECK(rw >= 0);
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERR(read(rw, buf, 1), EAGAIN);
	printf("O_RDWR\n");
	return 0;
}
