// laplace: same
// Record locks: F_SETLK, F_GETLK, ranges that split and join, and how a process loses them.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

static int fd;

static int set(int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	return fcntl(fd, cmd, &l);
}

/* others prints which of the first 20 bytes another process could not lock for writing (w), or not even for reading
 * (r), and asserts that F_GETLK names this process. */
static void others(const char *what)
{
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		printf("%s: ", what);
		for (int i = 0; i < 20; i++) {
			struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
			CHECK(fcntl(fd, F_GETLK, &l) == 0);
			if (l.l_type != F_UNLCK) {
				CHECK(l.l_type == F_WRLCK && l.l_pid == self);
				putchar('r');
				continue;
			}
			l.l_type = F_WRLCK;
			CHECK(fcntl(fd, F_GETLK, &l) == 0);
			CHECK(l.l_type == F_UNLCK || (l.l_type == F_RDLCK && l.l_pid == self));
			putchar(l.l_type == F_UNLCK ? '.' : 'w');
		}
		putchar('\n');
		exit(0);
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
}

int main(void)
{
	setlinebuf(stdout);
	fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "01234567890123456789", 20) == 20);
	int s;

	others("none");
	CHECK(set(F_SETLK, F_WRLCK, 5, 10) == 0);
	others("write 5-14");
	CHECK(set(F_SETLK, F_UNLCK, 8, 2) == 0);
	others("hole 8-9");
	CHECK(set(F_SETLK, F_RDLCK, 7, 5) == 0);
	others("read 7-11");
	CHECK(set(F_SETLK, F_WRLCK, 0, 3) == 0);
	CHECK(set(F_SETLK, F_WRLCK, 3, 2) == 0);
	others("joined 0-6");
	CHECK(set(F_SETLK, F_RDLCK, 12, 0) == 0);
	others("to the end");
	CHECK(set(F_SETLK, F_UNLCK, 0, 0) == 0);
	others("all free");

	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -5, .l_len = 3};
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	CHECK(lseek(fd, 4, SEEK_SET) == 4);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 2, .l_len = -4};
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	others("from end and position");
	CHECK(set(F_SETLK, F_UNLCK, 0, 0) == 0);

	/* One's own locks never conflict; F_GETLK of a free range says F_UNLCK and changes nothing else. */
	CHECK(set(F_SETLK, F_WRLCK, 0, 10) == 0 && set(F_SETLK, F_RDLCK, 0, 10) == 0);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4, .l_pid = 0};
	CHECK(fcntl(fd, F_GETLK, &l) == 0);
	CHECK(l.l_type == F_UNLCK && l.l_start == 3 && l.l_len == 4 && l.l_whence == SEEK_SET);

	/* Another process: refused at once; F_GETLK tells the whole range that is in the way. */
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_ERR(set(F_SETLK, F_WRLCK, 5, 1), EAGAIN);
		CHECK(set(F_SETLK, F_RDLCK, 5, 1) == 0);
		l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 9, .l_len = 5};
		CHECK(fcntl(fd, F_GETLK, &l) == 0);
		CHECK(l.l_type == F_RDLCK && l.l_start == 0 && l.l_len == 10 && l.l_pid == self);
		_exit(0);
	}
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	printf("conflicts told\n");

	/* Closing any descriptor of the file drops all of the process's locks on it. */
	CHECK(set(F_SETLK, F_WRLCK, 0, 10) == 0);
	int other = open("file", O_RDONLY);
	CHECK(other >= 0);
	others("second descriptor open");
	CHECK(close(other) == 0);
	others("second descriptor closed");

	/* lockf is the same thing from the current position. */
	CHECK(lseek(fd, 10, SEEK_SET) == 10 && lockf(fd, F_TLOCK, 5) == 0);
	others("lockf");
	CHECK(lockf(fd, F_TEST, 5) == 0 && lockf(fd, F_ULOCK, 0) == 0);

	/* Open file description locks belong to the description: two in one process exclude each other. */
	other = open("file", O_RDWR);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5};
	CHECK(fcntl(fd, F_OFD_SETLK, &l) == 0);
	CHECK_ERR(fcntl(other, F_OFD_SETLK, &l), EAGAIN);
	CHECK(fcntl(other, F_OFD_GETLK, &l) == 0);
	CHECK(l.l_type == F_WRLCK && l.l_pid == -1 && l.l_start == 0 && l.l_len == 5);
	close(other); /* drops nothing of fd's */
	other = open("file", O_RDWR);
	l.l_type = F_RDLCK;
	l.l_pid = 0;
	CHECK_ERR(fcntl(other, F_OFD_SETLK, &l), EAGAIN);
	printf("F_OFD_SETLK\n");

	/* Errors. */
	int rd = open("file", O_RDONLY), wr = open("file", O_WRONLY);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CHECK_ERR(fcntl(rd, F_SETLK, &l), EBADF);
	l.l_type = F_RDLCK;
	CHECK_ERR(fcntl(wr, F_SETLK, &l), EBADF);
	CHECK_ERR(set(F_SETLK, 77, 0, 1), EINVAL);
	CHECK_ERR(set(F_SETLK, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERR(set(F_SETLK, F_WRLCK, 2, -4), EINVAL);
	CHECK_ERR(set(F_GETLK, F_UNLCK, 0, 1), EINVAL);
	CHECK_ERR(fcntl(99, F_SETLK, &l), EBADF);
	void *volatile bad = (void *)8;
	CHECK_ERR(fcntl(fd, F_SETLK, bad), EFAULT);
	printf("errors as documented\n");
	return 0;
}
