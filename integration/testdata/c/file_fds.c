// laplace: same refused=fcntl,pipe2
// Descriptors: the lowest number, sharing, flags, close_range.
#include "check.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int main(void)
{
	struct stat st;
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd == 3); /* nothing was inherited but 0, 1 and 2 */
	CHECK(write(fd, "0123456789", 10) == 10);
	CHECK(dup(fd) == 4 && dup2(fd, 9) == 9 && dup3(fd, 7, O_CLOEXEC) == 7 && fcntl(fd, F_DUPFD, 8) == 8);
	CHECK(fcntl(fd, F_DUPFD, 8) == 10 && fcntl(fd, F_DUPFD_CLOEXEC, 20) == 20);
	CHECK(fcntl(7, F_GETFD) == FD_CLOEXEC && fcntl(20, F_GETFD) == FD_CLOEXEC && fcntl(8, F_GETFD) == 0);
	/* One offset and one set of status flags, but close-on-exec of its own. */
	CHECK(lseek(4, 3, SEEK_SET) == 3 && lseek(9, 0, SEEK_CUR) == 3);
	CHECK(fcntl(9, F_SETFL, O_APPEND | O_NONBLOCK) == 0 && (fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK)) == (O_APPEND | O_NONBLOCK));
	CHECK(fcntl(fd, F_SETFL, 0) == 0 && (fcntl(9, F_GETFL) & O_APPEND) == 0 && (fcntl(9, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fcntl(4, F_SETFD, FD_CLOEXEC) == 0 && fcntl(4, F_GETFD) == FD_CLOEXEC && fcntl(9, F_GETFD) == 0);
	CHECK(dup2(fd, fd) == fd && close(4) == 0 && dup(fd) == 4);
	/* The lowest free number, always. */
	CHECK(close(3) == 0 && close(8) == 0 && open("file", O_RDONLY) == 3 && open(".", O_RDONLY) == 5 && open(".", O_RDONLY) == 6);
	CHECK(open(".", O_PATH) == 8);
	int p[2];
	CHECK(pipe(p) == 0 && p[0] == 11 && p[1] == 12);
	CHECK(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC && (fcntl(p[1], F_GETFL) & O_NONBLOCK));
	CHECK_ERR(read(p[0], &st, 1), EAGAIN);
	CHECK_ERR(pipe2(p, O_RDONLY | O_APPEND), EINVAL);
	CHECK(syscall(SYS_pipe, p) == 0 && p[0] == 15);
	CHECK_ERR(dup(99), EBADF);
	CHECK_ERR(dup2(99, 3), EBADF);
	CHECK_ERR(dup2(3, -1), EBADF);
	CHECK_ERR(dup3(3, 3, 0), EINVAL);
	CHECK_ERR(dup3(3, 4, O_APPEND), EINVAL);
	CHECK_ERR(fcntl(3, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(99, F_GETFD), EBADF);
	CHECK_ERR(fcntl(3, 7777, 0), EINVAL);
	/* Ranges. */
	CHECK(syscall(SYS_close_range, 11, 16, 0) == 0);
	CHECK_ERR(fcntl(13, F_GETFD), EBADF);
	CHECK(fcntl(10, F_GETFD) == 0 && syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	CHECK(fcntl(10, F_GETFD) == FD_CLOEXEC && fcntl(0, F_GETFD) == 0);
	CHECK(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
	for (int i = 3; i < 30; i++)
		CHECK_ERR(fcntl(i, F_GETFD), EBADF);
	CHECK_ERR(syscall(SYS_close_range, 5, 3, 0), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, 5, 7, 64), EINVAL);
	/* The standard descriptors. */
	for (int i = 0; i < 3; i++) {
		CHECK(fstat(i, &st) == 0);
		printf("%d type %o access %o\n", i, st.st_mode & S_IFMT, fcntl(i, F_GETFL) & O_ACCMODE);
	}
	CHECK(fcntl(1, F_GETPIPE_SZ) == 65536);
	CHECK(close(0) == 0 && open("/dev/zero", O_RDONLY) == 0);
	return 0;
}
