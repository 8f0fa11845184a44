// laplace: same
// The devices that every program may count on.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int device(const char *path, int flags, unsigned mode, int major_, int minor_)
{
	struct stat st, f;
	CHECK(stat(path, &st) == 0);
	int fd = open(path, flags);
	CHECK(fd >= 0 && fstat(fd, &f) == 0);
	CHECK(st.st_ino == f.st_ino && st.st_rdev == f.st_rdev && st.st_mode == f.st_mode);
	printf("%s %o %u:%u links %ld size %ld\n", path, st.st_mode, major(st.st_rdev), minor(st.st_rdev), (long)st.st_nlink,
	       st.st_size);
	CHECK(st.st_mode == (S_IFCHR | mode) && major(st.st_rdev) == major_ && minor(st.st_rdev) == minor_);
	return fd;
}

int main(void)
{
	char buf[64];
	int fd = device("/dev/null", O_RDWR, 0666, 1, 3);
	CHECK(write(fd, "gone", 4) == 4 && read(fd, buf, 4) == 0 && lseek(fd, 10, SEEK_SET) == 0);
	/* As the shell opens it for > /dev/null and >> /dev/null. */
	CHECK((fd = open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666)) >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK((fd = open("/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0666)) >= 0 && close(fd) == 0);
	CHECK_ERR(open("/dev/null", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	fd = device("/dev/zero", O_RDWR, 0666, 1, 5);
	memset(buf, 1, sizeof buf);
	CHECK(read(fd, buf, sizeof buf) == sizeof buf);
	for (size_t i = 0; i < sizeof buf; i++)
		CHECK(buf[i] == 0);
	CHECK(write(fd, "x", 1) == 1);
	fd = device("/dev/full", O_RDWR, 0666, 1, 7);
	CHECK(read(fd, buf, 1) == 1 && buf[0] == 0);
	device("/dev/random", O_RDONLY, 0666, 1, 8);
	device("/dev/urandom", O_RDONLY, 0666, 1, 9);
	struct stat st;
	CHECK(stat("/dev", &st) == 0);
	printf("/dev %o\n", st.st_mode);
	CHECK_ERR(open("/dev/absent", O_WRONLY | O_CREAT, 0666), EACCES);
	CHECK_ERR(unlink("/dev/null"), EACCES);
	/* Descriptors by name. */
	CHECK(stat("/dev/fd/0", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(stat("/dev/stdin", &st) == 0 && stat("/dev/stdout", &st) == 0 && S_ISFIFO(st.st_mode) && stat("/dev/stderr", &st) == 0);
	fflush(stdout);
	fd = open("/dev/stdout", O_WRONLY | O_APPEND);
	CHECK(fd >= 0 && write(fd, "by name\n", 8) == 8 && close(fd) == 0);
	/* POSIX shared memory is a file here. */
	fd = open("/dev/shm/laplace-test", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && unlink("/dev/shm/laplace-test") == 0);
	CHECK(stat("/dev/shm", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(stat("/tmp", &st) == 0 && (st.st_mode & 07777) == 01777);
	return 0;
}
