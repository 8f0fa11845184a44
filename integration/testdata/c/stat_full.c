// laplace: same
// /dev/full says ENOSPC: that is its nature, not an exhausted resource, so it taints nothing.
#include "check.h"
#include <fcntl.h>

int main(void)
{
	int fd = open("/dev/full", O_RDWR);
	CHECK(fd >= 0);
	CHECK_ERR(write(fd, "x", 1), ENOSPC);
	FILE *f = fopen("/dev/full", "w");
	CHECK(f && fputs("x", f) >= 0);
	CHECK(fclose(f) == EOF && errno == ENOSPC);
	printf("full\n");
	return 0;
}
