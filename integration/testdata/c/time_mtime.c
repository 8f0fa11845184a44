// laplace: pinned
// The clock is never before a modification time that the program can know (make's "clock skew detected").
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static int64_t last;

static void not_before(int fd, const char *what)
{
	struct stat st;
	struct timespec t;
	CHECK(fstat(fd, &st) == 0);
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	int64_t m = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec, v = t.tv_sec * 1000000000LL + t.tv_nsec;
	if (v < m)
		FAIL("%s: clock %ld is before mtime %ld", what, v, m);
	if (m < last)
		FAIL("%s: mtime went back from %ld to %ld", what, last, m);
	last = m;
	if (boxed() && time(NULL) < st.st_mtim.tv_sec) /* natively it is the time of the last tick */
		FAIL("%s: time() is before the mtime", what);
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0);
	not_before(fd, "create");
	for (int i = 0; i < 1000; i++) {
		CHECK(write(fd, "x", 1) == 1);
		if (i % 10 == 0)
			not_before(fd, "write");
		if (i % 100 == 0) {
			int again = open("file", O_WRONLY | O_TRUNC);
			CHECK(again >= 0 && write(again, "y", 1) == 1 && close(again) == 0);
			not_before(fd, "overwrite");
			CHECK(futimens(fd, NULL) == 0);
			not_before(fd, "touch");
		}
		if (i % 250 == 0) {
			struct timespec s = {0, 1000000};
			CHECK(nanosleep(&s, NULL) == 0);
			CHECK(pwrite(fd, "z", 1, 0) == 1);
			not_before(fd, "write after a sleep");
		}
	}
	CHECK(mkdir("dir", 0755) == 0);
	int dir = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	for (int i = 0; i < 50; i++) {
		char name[32];
		snprintf(name, sizeof name, "dir/%d", i);
		CHECK(mknod(name, S_IFREG | 0644, 0) == 0);
		struct stat st;
		struct timespec t;
		CHECK(fstat(dir, &st) == 0 && clock_gettime(CLOCK_REALTIME, &t) == 0);
		CHECK(t.tv_sec > st.st_mtim.tv_sec || (t.tv_sec == st.st_mtim.tv_sec && t.tv_nsec >= st.st_mtim.tv_nsec));
	}
	printf("%ld\n", last);
	return 0;
}
