// laplace: pinned flags="--epoch 1000000000"
// --epoch says when time starts; stamps and clocks follow it, and so does SOURCE_DATE_EPOCH.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

int main(void)
{
	struct stat st;
	int fd = open("file", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fstat(fd, &st) == 0);
	time_t t = time(NULL);
	printf("%ld mtime %ld.%09ld epoch %s\n", t, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, getenv("SOURCE_DATE_EPOCH"));
	if (boxed()) {
		CHECK(t >= 1000000001 && t <= 1000000002);
		/* A project's stamps may start up to ten years before the epoch, never after the clock. */
		CHECK(st.st_mtim.tv_sec <= t && st.st_mtim.tv_sec > 1000000000 - 11 * 366 * 86400);
		CHECK(strcmp(getenv("SOURCE_DATE_EPOCH"), "1000000000") == 0);
	}
	return 0;
}
