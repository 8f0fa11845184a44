// laplace: pinned
// There is no controlling terminal, whatever the caller has.
#include "check.h"
#include <fcntl.h>

int main(void)
{
	errno = 0;
	int fd = open("/dev/tty", O_RDWR);
	printf("/dev/tty %s\n", fd < 0 ? errname(errno) : "opened");
	if (boxed())
		CHECK(fd == -1);
	char buf[1000];
	int n = open("/proc/self/stat", O_RDONLY);
	ssize_t r = read(n, buf, sizeof buf - 1);
	CHECK(r > 0);
	buf[r] = 0;
	int tty = -1, pgrp, sid, parent;
	char state;
	CHECK(sscanf(strrchr(buf, ')') + 1, " %c %d %d %d %d", &state, &parent, &pgrp, &sid, &tty) == 5);
	if (boxed())
		CHECK(tty == 0);
	if (fd < 0)
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	return 0;
}
