// laplace: pinned
// Everything that sysconf, pathconf and confstr know.
#include "check.h"
#include <fcntl.h>
#include <limits.h>

int main(void)
{
	for (int i = 0; i <= 260; i++) {
		errno = 0;
		long v = sysconf(i);
		if (v != -1 || errno == 0)
			printf("sysconf %d %ld\n", i, v);
	}
	for (int i = 0; i <= 20; i++) {
		errno = 0;
		long v = pathconf(".", i), w = pathconf("/", i), x = pathconf("/dev/null", i);
		printf("pathconf %d %ld %ld %ld\n", i, v, w, x);
	}
	char buf[256];
	for (int i = 0; i <= 3; i++)
		printf("confstr %d %zu %s\n", i, confstr(i, buf, sizeof buf), buf);
	CHECK(sysconf(_SC_PAGESIZE) == 4096 && getpagesize() == 4096 && sysconf(_SC_CLK_TCK) == 100);
	CHECK(pathconf(".", _PC_NAME_MAX) == 255 && pathconf(".", _PC_PATH_MAX) == 4096 && pathconf(".", _PC_PIPE_BUF) == 4096);
	return 0;
}
