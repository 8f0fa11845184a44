// laplace: same refused=preadv2,pwritev2
// Reads and writes of every kind, their offsets, their ends and their errors.
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void is(int fd, const char *want)
{
	char buf[128] = {0};
	ssize_t n = pread(fd, buf, sizeof buf, 0);
	if (n != (ssize_t)strlen(want) || memcmp(buf, want, n) != 0)
		FAIL("file holds %.*s, want %s", (int)n, buf, want);
	printf("%s\n", want);
}

int main(void)
{
	char a[64], b[64];
	int low = open("lower", O_RDWR), fd = open("new", O_RDWR | O_CREAT, 0644), ro = open("lower", O_RDONLY), wo = open("new", O_WRONLY);
	CHECK(low >= 0 && fd >= 0 && ro >= 0 && wo >= 0);
	CHECK(write(fd, "abcdefghij", 10) == 10 && lseek(fd, 0, SEEK_CUR) == 10);
	is(fd, "abcdefghij");
	for (int i = 0; i < 2; i++) {
		int f = i ? fd : low;
		CHECK(lseek(f, 0, SEEK_SET) == 0 && read(f, a, 4) == 4 && lseek(f, 0, SEEK_CUR) == 4);
		CHECK(pread(f, a, 64, 7) == 3 && pread(f, a, 64, 10) == 0 && pread(f, a, 64, 1000) == 0 && lseek(f, 0, SEEK_CUR) == 4);
		struct iovec v[3] = {{a, 2}, {NULL, 0}, {b, 10}};
		CHECK(readv(f, v, 3) == 6 && lseek(f, 0, SEEK_CUR) == 10 && readv(f, v, 3) == 0);
		CHECK(preadv(f, v, 3, 1) == 9 && a[0] == (i ? 'b' : '1') && b[6] == (i ? 'j' : '9'));
		CHECK(preadv2(f, v, 3, 8, 0) == 2 && lseek(f, 5, SEEK_SET) == 5 && preadv2(f, v, 1, -1, 0) == 2 && lseek(f, 0, SEEK_CUR) == 7);
		CHECK(preadv2(f, v, 1, 0, RWF_HIPRI) == 2);
		struct iovec w[2] = {{"XY", 2}, {"Z", 1}};
		CHECK(pwrite(f, "P", 1, 0) == 1 && lseek(f, 0, SEEK_CUR) == 7 && pwritev(f, w, 2, 3) == 3 && lseek(f, 0, SEEK_CUR) == 7);
		CHECK(writev(f, w, 2) == 3 && lseek(f, 0, SEEK_CUR) == 10 && pwritev2(f, w, 1, -1, 0) == 2);
		CHECK(pwritev2(f, w, 2, 0, RWF_APPEND) == 3 && lseek(f, 0, SEEK_CUR) == 12);
		CHECK(pwritev2(f, w, 1, 0, RWF_DSYNC | RWF_SYNC) == 2);
		is(f, i ? "XYcXYZgXYZXYXYZ" : "XY2XYZ6XYZXYXYZ");
		CHECK(pwrite(f, "end", 3, 20) == 3 && pread(f, a, 64, 14) == 9 && memcmp(a, "Z\0\0\0\0\0end", 9) == 0);
		CHECK(write(f, a, 0) == 0 && read(f, a, 0) == 0);
		CHECK(lseek(f, 0, SEEK_END) == 23 && lseek(f, -3, SEEK_CUR) == 20 && lseek(f, 100, SEEK_END) == 123 && read(f, a, 1) == 0);
		CHECK_ERR(lseek(f, -1, SEEK_SET), EINVAL);
		CHECK_ERR(lseek(f, -200, SEEK_CUR), EINVAL);
		CHECK_ERR(lseek(f, 0, 77), EINVAL);
		CHECK_ERR(pread(f, a, 1, -1), EINVAL);
		CHECK_ERR(pwrite(f, a, 1, -1), EINVAL);
		CHECK_ERR(pwrite(f, a, 1, LLONG_MAX - 1), EFBIG);
		CHECK(lseek(f, 0, SEEK_SET) == 0);
		CHECK_ERR(syscall(SYS_read, f, 8, 10), EFAULT);
		CHECK_ERR(syscall(SYS_write, f, 8, 10), EFAULT);
		CHECK_ERR(syscall(SYS_readv, f, 8, 1), EFAULT);
		CHECK_ERR(syscall(SYS_readv, f, v, IOV_MAX + 1), EINVAL);
		CHECK(syscall(SYS_readv, f, v, 0) == 0);
		v[0].iov_len = SIZE_MAX;
		CHECK_ERR(syscall(SYS_readv, f, v, 1), EINVAL);
		CHECK_ERR(preadv2(f, w, 1, 0, 0x4000000), EOPNOTSUPP);
	}
	/* A descriptor opened to append appends, even with pwrite (Linux; POSIX says otherwise). */
	int ap = open("new", O_WRONLY | O_APPEND);
	CHECK(pwrite(ap, "$", 1, 0) == 1 && pread(fd, a, 64, 23) == 1 && a[0] == '$');
	CHECK_ERR(write(ro, "x", 1), EBADF);
	CHECK_ERR(read(wo, a, 1), EBADF);
	CHECK_ERR(read(99, a, 1), EBADF);
	CHECK_ERR(pread(wo, a, 1, 0), EBADF);
	int p[2];
	CHECK(pipe(p) == 0);
	CHECK_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(p[0], a, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[1], a, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(p[1], 0), EINVAL);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0 && sync_file_range(fd, 0, 10, 2) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0 && readahead(fd, 0, 100) == 0);
	sync();
	CHECK_ERR(fsync(99), EBADF);
	return 0;
}
