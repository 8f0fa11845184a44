// laplace: pinned
// Clock resolutions do not depend on the host's timers.
#include "check.h"
#include <sys/syscall.h>
#include <time.h>

int main(void)
{
	for (int id = 0; id <= 12; id++) {
		struct timespec lib = {-1, -1}, raw = {-1, -1};
		errno = 0;
		int r = clock_getres(id, &lib), e = errno;
		errno = 0;
		CHECK(syscall(SYS_clock_getres, id, &raw) == r);
		CHECK(lib.tv_sec == raw.tv_sec && lib.tv_nsec == raw.tv_nsec);
		if (r == 0) {
			CHECK(lib.tv_sec == 0 && lib.tv_nsec > 0);
			printf("%d %ld ns\n", id, lib.tv_nsec);
			CHECK(clock_getres(id, NULL) == 0);
		} else {
			printf("%d %s\n", id, errname(e));
		}
	}
	CHECK_ERR(syscall(SYS_clock_getres, 99, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 8), EFAULT);
	return 0;
}
