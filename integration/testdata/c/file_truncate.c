// laplace: same
// truncate, ftruncate and fallocate, with offsets past 4 GiB.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static off_t size(int fd)
{
	struct stat st;
	CHECK(fstat(fd, &st) == 0);
	return st.st_size;
}

static void bytes(int fd, off_t at, const char *want, int n)
{
	char buf[64];
	CHECK(pread(fd, buf, n, at) == n);
	if (memcmp(buf, want, n) != 0)
		FAIL("wrong bytes at %ld", at);
}

int main(void)
{
	int fd = open("lower", O_RDWR), ro = open("small", O_RDONLY), pipe_[2];
	CHECK(fd >= 0 && ro >= 0);
	CHECK(ftruncate(fd, 4) == 0 && size(fd) == 4 && ftruncate(fd, 12) == 0 && size(fd) == 12);
	bytes(fd, 0, "0123\0\0\0\0\0\0\0\0", 12);
	CHECK(lseek(fd, 0, SEEK_CUR) == 0);
	CHECK(truncate("small", 1) == 0 && size(ro) == 1 && truncate("small", 1) == 0);
	bytes(ro, 0, "a", 1);
	CHECK(fallocate(fd, 0, 0, 20) == 0 && size(fd) == 20);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0 && size(fd) == 20);
	CHECK(posix_fallocate(fd, 10, 90) == 0 && size(fd) == 100);
	bytes(fd, 0, "0123\0\0", 6);
	int dense = open("dense", O_RDWR);
	CHECK(fallocate(dense, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0 && size(dense) == 16384);
	bytes(dense, 4094, "dd\0\0", 4);
	bytes(dense, 8190, "\0\0dd", 4);
	CHECK(fallocate(dense, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10000, 10) == 0);
	bytes(dense, 9999, "d\0\0\0\0\0\0\0\0\0\0d", 12);
	CHECK(fallocate(dense, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 16380, 1000000) == 0 && size(dense) == 16384);

	/* Large files, made small again so that nobody has to compare gigabytes. */
	int big = open("big", O_RDWR | O_CREAT, 0644);
	CHECK(big >= 0 && pwrite(big, "far", 3, 5L << 30) == 3 && size(big) == (5L << 30) + 3);
	bytes(big, (5L << 30) - 2, "\0\0far", 5);
	CHECK(lseek(big, 5L << 30, SEEK_SET) == 5L << 30 && read(big, (char[3]){0}, 3) == 3);
	CHECK(lseek(big, 0, SEEK_END) == (5L << 30) + 3 && truncate("big", 3L << 30) == 0 && size(big) == 3L << 30);
	CHECK(ftruncate(big, 10) == 0 && size(big) == 10);
	bytes(big, 0, "\0\0\0\0\0\0\0\0\0\0", 10);

	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("lower", -1), EINVAL);
	CHECK_ERR(ftruncate(ro, 0), EINVAL);
	CHECK_ERR(ftruncate(99, 0), EBADF);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("absent", 0), ENOENT);
	CHECK_ERR(truncate("lower/x", 0), ENOTDIR);
	CHECK_ERR(syscall(SYS_truncate, 8, 0), EFAULT);
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(ro, 0, 0, 10), EBADF);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
	CHECK(pipe(pipe_) == 0);
	CHECK_ERR(fallocate(pipe_[1], 0, 0, 10), ESPIPE);
	printf("%ld %ld %ld\n", size(fd), size(dense), size(big));
	return 0;
}
