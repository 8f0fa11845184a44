// laplace: same
// A pipe opened again through /proc/self/fd: another description of the same pipe, with its own mode and flags.
#include "check.h"
#include <fcntl.h>

int main(void)
{
	setlinebuf(stdout);
	int p[2];
	char buf[64], path[64];
	CHECK(pipe2(p, O_NONBLOCK) == 0);

	snprintf(path, sizeof path, "/proc/self/fd/%d", p[1]);
	int w = open(path, O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0 && write(w, "again", 5) == 5);
	CHECK(read(p[0], buf, 64) == 5);
	printf("%.5s\n", buf);

	/* The other direction through the same end. */
	snprintf(path, sizeof path, "/dev/fd/%d", p[1]);
	int r = open(path, O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0 && write(p[1], "turned", 6) == 6 && read(r, buf, 64) == 6);
	printf("%.6s\n", buf);

	/* It counts as an end: the pipe lives on. */
	CHECK(close(p[1]) == 0);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	CHECK(write(w, "alive", 5) == 5 && read(p[0], buf, 64) == 5);
	printf("%.5s\n", buf);
	CHECK(close(w) == 0 && read(p[0], buf, 1) == 0);
	printf("end\n");

	/* The link names the kind, not a file; all ends of a pipe have one name. */
	int q[2];
	char n0[64], n1[64];
	CHECK(pipe(q) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", q[0]);
	ssize_t l0 = readlink(path, n0, sizeof n0 - 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", q[1]);
	ssize_t l1 = readlink(path, n1, sizeof n1 - 1);
	CHECK(l0 > 0 && l0 == l1 && !memcmp(n0, n1, l0));
	printf("%.6s\n", n0);
	return 0;
}
