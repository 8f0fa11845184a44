// laplace: same
// What a descriptor without a file shows of itself, and what cannot be done with it: eventfd and epoll are no files.
#include "check.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sendfile.h>

static void looks(const char *what, int fd)
{
	char path[64], link[64];
	struct stat st, again;
	struct statfs fs;
	struct statx x;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, link, sizeof link - 1);
	CHECK(n > 0);
	link[n] = 0;
	CHECK(fstat(fd, &st) == 0 && stat(path, &again) == 0 && fstatfs(fd, &fs) == 0);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
	CHECK(st.st_ino == again.st_ino && st.st_dev == again.st_dev && st.st_ino == x.stx_ino && st.st_mode == x.stx_mode);
	printf("%s: %s mode %o size %ld links %ld blocks %ld block %ld fs %lx flags %o\n", what, link, st.st_mode, (long)st.st_size,
	       (long)st.st_nlink, (long)st.st_blocks, (long)st.st_blksize, (long)fs.f_type, fcntl(fd, F_GETFL));

	char b[8] = {1};
	int q;
	off_t off = 0;
	CHECK(lseek(fd, 5, SEEK_SET) == 0);
	CHECK_ERR(pread(fd, b, 8, 0), ESPIPE);
	CHECK_ERR(pwrite(fd, b, 8, 0), ESPIPE);
	CHECK_ERR(ftruncate(fd, 5), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 5), ENODEV);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK_ERR(fsync(fd), EINVAL);
	CHECK_ERR(fchdir(fd), ENOTDIR);
	CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
	int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644), p[2];
	CHECK(write(file, b, 8) == 8 && pipe(p) == 0 && write(p[1], b, 8) == 8);
	CHECK_ERR(sendfile(fd, file, &off, 8), EINVAL);
	CHECK_ERR(splice(p[0], NULL, fd, NULL, 8, 0), EINVAL);
	CHECK_ERR(copy_file_range(file, &off, fd, NULL, 8, 0), EINVAL);
	int flags = fcntl(fd, F_GETFL);
	q = 1;
	CHECK(ioctl(fd, FIONBIO, &q) == 0 && fcntl(fd, F_GETFL) == (flags | O_NONBLOCK));
	close(p[0]);
	close(p[1]);
	close(file);
}

int main(void)
{
	looks("eventfd", eventfd(0, 0));
	looks("eventfd", eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	int ep = epoll_create1(0);
	looks("epoll", ep);
	char b[8];
	CHECK_ERR(read(ep, b, 8), EINVAL);
	CHECK_ERR(write(ep, b, 8), EINVAL);
	return 0;
}
