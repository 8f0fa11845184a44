// laplace: same refused=ioctl
// ioctls that every program may use on files and pipes, and their errors.
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>

int main(void)
{
	int n = -1, p[2], on = 1, off = 0, fd = open("file", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY);
	CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 4, SEEK_SET) == 4);
	CHECK(ioctl(fd, FIONREAD, &n) == 0);
	printf("file %d\n", n);
	CHECK(pipe(p) == 0 && ioctl(p[0], FIONREAD, &n) == 0 && n == 0);
	CHECK(write(p[1], "12345", 5) == 5 && ioctl(p[0], FIONREAD, &n) == 0);
	printf("pipe %d\n", n);
	CHECK(read(p[0], (char[2]){0}, 2) == 2 && ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	CHECK(ioctl(p[0], FIONBIO, &on) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK) && ioctl(p[0], FIONBIO, &off) == 0);
	CHECK((fcntl(p[0], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ioctl(fd, FIONCLEX) == 0 && fcntl(fd, F_GETFD) == 0);
	CHECK_ERR(ioctl(99, FIONREAD, &n), EBADF);
	CHECK_ERR(ioctl(fd, 0xdeadbeef, &n), ENOTTY);
	CHECK_ERR(ioctl(dir, TCGETS, &n), ENOTTY);
	CHECK_ERR(ioctl(p[0], TIOCGWINSZ, &n), ENOTTY);
	CHECK_ERR(ioctl(p[0], FIONREAD, 8), EFAULT);
	int path = open("file", O_PATH);
	CHECK_ERR(ioctl(path, FIONREAD, &n), EBADF);
	return 0;
}
