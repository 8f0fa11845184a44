// laplace: same refused=pipe2
// pipe2: O_CLOEXEC, O_NONBLOCK, O_DIRECT (packets) and what it refuses.
#include "check.h"
#include <fcntl.h>

static void show(const char *what, int flags)
{
	int p[2];
	CHECK(pipe2(p, flags) == 0);
	printf("%s: cloexec %d %d, nonblock %d %d\n", what, fcntl(p[0], F_GETFD), fcntl(p[1], F_GETFD),
	       !!(fcntl(p[0], F_GETFL) & O_NONBLOCK), !!(fcntl(p[1], F_GETFL) & O_NONBLOCK));
	CHECK((fcntl(p[0], F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(p[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	setlinebuf(stdout);
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	show("0", 0);
	show("O_CLOEXEC", O_CLOEXEC);
	show("O_NONBLOCK", O_NONBLOCK);
	show("both", O_CLOEXEC | O_NONBLOCK);

	int p[2] = {-7, -7};
	CHECK_ERR(pipe2(p, O_APPEND), EINVAL);
	CHECK_ERR(pipe2(p, O_RDWR), EINVAL);
	CHECK_ERR(pipe2(p, -1), EINVAL);
	CHECK(p[0] == -7 && p[1] == -7);

	/* The lowest free descriptors, the read end first. */
	CHECK(pipe2(p, 0) == 0);
	printf("descriptors %d %d\n", p[0], p[1]);
	int q[2];
	CHECK(close(p[0]) == 0 && pipe2(q, 0) == 0);
	printf("descriptors %d %d\n", q[0], q[1]);
	close(p[1]);
	close(q[0]);
	close(q[1]);

	/* Packets: a read returns one write, and what does not fit is lost. */
	CHECK(pipe2(p, O_DIRECT) == 0);
	char buf[8192], data[8192];
	memset(data, 'd', sizeof data);
	CHECK(write(p[1], "first", 5) == 5 && write(p[1], "second", 6) == 6);
	CHECK(read(p[0], buf, sizeof buf) == 5);
	CHECK(read(p[0], buf, 3) == 3 && !memcmp(buf, "sec", 3));
	CHECK(write(p[1], data, 5000) == 5000); /* more than PIPE_BUF: two packets */
	CHECK(read(p[0], buf, sizeof buf) == 4096 && read(p[0], buf, sizeof buf) == 904);
	printf("packets\n");
	return 0;
}
