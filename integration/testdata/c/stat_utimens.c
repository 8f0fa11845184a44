// laplace: same
// Modification times that a program sets: exactly, now, and not at all; by every call.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

static void want(const char *what, const char *path, int64_t sec, long nsec)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	if (st.st_mtim.tv_sec != sec || st.st_mtim.tv_nsec != nsec)
		FAIL("%s: %s has mtime %ld.%09ld, want %ld.%09ld", what, path, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, sec, nsec);
	struct statx x;
	CHECK(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MTIME, &x) == 0);
	CHECK(x.stx_mtime.tv_sec == sec && x.stx_mtime.tv_nsec == nsec);
	printf("%s %s %ld.%09ld\n", what, path, sec, nsec);
}

/* now fails unless the mtime is not before that of a file made just before, and not after the clock. */
static void now(const char *what, const char *path)
{
	struct stat st, ref;
	struct timespec t;
	CHECK(stat("reference", &ref) == 0 && lstat(path, &st) == 0 && clock_gettime(CLOCK_REALTIME, &t) == 0);
	if (st.st_mtim.tv_sec < ref.st_mtim.tv_sec ||
	    (st.st_mtim.tv_sec == ref.st_mtim.tv_sec && st.st_mtim.tv_nsec < ref.st_mtim.tv_nsec))
		FAIL("%s: %s is older than an older file", what, path);
	if (st.st_mtim.tv_sec > t.tv_sec)
		FAIL("%s: %s is in the future", what, path);
	printf("%s %s now\n", what, path);
}

int main(void)
{
	struct timespec t[2] = {{111, 222}, {1000000000, 123456789}};
	struct timeval v[2] = {{333, 444}, {1000000001, 987654}};
	struct utimbuf u = {555, 1000000002};
	int fd = open("new", O_RDWR | O_CREAT, 0644), ref = open("reference", O_RDWR | O_CREAT, 0644), sym;
	CHECK(fd >= 0 && ref >= 0 && write(ref, "x", 1) == 1);

	static const char *const paths[] = {"lower", "new", "dir"};
	for (int i = 0; i < 3; i++) {
		const char *p = paths[i];
		CHECK(utimensat(AT_FDCWD, p, t, 0) == 0);
		want("utimensat", p, 1000000000, 123456789);
		CHECK(utimes(p, v) == 0);
		want("utimes", p, 1000000001, 987654000);
		CHECK(utime(p, &u) == 0);
		want("utime", p, 1000000002, 0);
		CHECK(futimesat(AT_FDCWD, p, v) == 0);
		want("futimesat", p, 1000000001, 987654000);
		CHECK(lutimes(p, v) == 0);
		want("lutimes", p, 1000000001, 987654000);
		CHECK(syscall(SYS_utime, p, &u) == 0);
		want("raw utime", p, 1000000002, 0);
		CHECK(syscall(SYS_utimes, p, v) == 0);
		want("raw utimes", p, 1000000001, 987654000);
		/* Omit: only the other time moves. */
		struct timespec omit[2] = {{5, 5}, {0, UTIME_OMIT}}, both[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
		CHECK(utimensat(AT_FDCWD, p, omit, 0) == 0 && utimensat(AT_FDCWD, p, both, 0) == 0);
		want("omit", p, 1000000001, 987654000);
		struct timespec mixed[2] = {{0, UTIME_NOW}, {1000000003, 1}};
		CHECK(utimensat(AT_FDCWD, p, mixed, 0) == 0);
		want("access now", p, 1000000003, 1);
		/* Now, in every spelling. */
		CHECK(utimensat(AT_FDCWD, p, NULL, 0) == 0);
		now("utimensat NULL", p);
		CHECK(utimensat(AT_FDCWD, p, t, 0) == 0);
		struct timespec nows[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, modify[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
		CHECK(utimensat(AT_FDCWD, p, nows, 0) == 0);
		now("UTIME_NOW", p);
		CHECK(utimensat(AT_FDCWD, p, t, 0) == 0 && utimensat(AT_FDCWD, p, modify, 0) == 0);
		now("UTIME_NOW omit", p);
		CHECK(utime(p, NULL) == 0 && utimes(p, NULL) == 0);
		now("utime NULL", p);
	}
	CHECK(futimens(fd, t) == 0);
	want("futimens", "new", 1000000000, 123456789);
	CHECK(futimes(fd, v) == 0);
	want("futimes", "new", 1000000001, 987654000);
	CHECK(syscall(SYS_utimensat, fd, NULL, t, 0) == 0);
	want("utimensat of a descriptor", "new", 1000000000, 123456789);
	CHECK(close(fd) == 0);
	/* Times outlive a rename, a link and a close, and reading; not a write. */
	CHECK(rename("new", "renamed") == 0 && link("renamed", "linked") == 0);
	want("rename", "renamed", 1000000000, 123456789);
	want("link", "linked", 1000000000, 123456789);
	CHECK(chmod("linked", 0600) == 0);
	want("chmod", "renamed", 1000000000, 123456789);
	fd = open("renamed", O_RDWR);
	CHECK(fd >= 0);
	want("open", "renamed", 1000000000, 123456789);
	CHECK(write(fd, "y", 1) == 1);
	now("write", "renamed");
	CHECK(close(fd) == 0);

	/* Symbolic links have times of their own. */
	CHECK(utimensat(AT_FDCWD, "lower", t, 0) == 0);
	struct timespec other[2] = {{1, 1}, {777, 888}};
	CHECK(utimensat(AT_FDCWD, "sym", other, AT_SYMLINK_NOFOLLOW) == 0);
	want("symlink", "sym", 777, 888);
	want("its target", "lower", 1000000000, 123456789);
	CHECK(utimensat(AT_FDCWD, "dangling", other, AT_SYMLINK_NOFOLLOW) == 0);
	want("symlink", "dangling", 777, 888);
	CHECK(utimensat(AT_FDCWD, "sym", other, 0) == 0);
	want("through a symlink", "lower", 777, 888);
	sym = open("sym", O_PATH | O_NOFOLLOW);
	CHECK(sym >= 0);
	CHECK_ERR(futimens(sym, t), EBADF);

	/* Far away. */
	struct timespec edge[2] = {{0, 0}, {0, 0}};
	CHECK(utimensat(AT_FDCWD, "lower", edge, 0) == 0);
	want("the beginning", "lower", 0, 0);
	edge[1] = (struct timespec){4102444800, 999999999};
	CHECK(utimensat(AT_FDCWD, "lower", edge, 0) == 0);
	want("the year 2100", "lower", 4102444800, 999999999);
	CHECK(utimensat(AT_FDCWD, "lower", t, 0) == 0);

	struct timespec bad[2] = {{0, 0}, {0, 1000000000}};
	CHECK_ERR(utimensat(AT_FDCWD, "lower", bad, 0), EINVAL);
	bad[1].tv_nsec = -1;
	CHECK_ERR(utimensat(AT_FDCWD, "lower", bad, 0), EINVAL);
	struct timeval badv[2] = {{0, 0}, {0, 1000000}};
	CHECK_ERR(utimes("lower", badv), EINVAL);
	CHECK_ERR(utimensat(AT_FDCWD, "absent", t, 0), ENOENT);
	CHECK_ERR(utimensat(AT_FDCWD, "dangling", t, 0), ENOENT);
	CHECK_ERR(utimensat(AT_FDCWD, "lower", t, 0x8), EINVAL);
	CHECK_ERR(syscall(SYS_utimensat, 99, NULL, t, 0), EBADF);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "lower", 8, 0), EFAULT);
	want("after errors", "lower", 1000000000, 123456789);
	return 0;
}
