// laplace: same
// Opening a FIFO blocks until the other end is opened, whoever comes first; O_RDWR never blocks.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static pid_t opener(int flags, int code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char buf[16] = "";
		int fd = open("fifo", flags);
		if (fd < 0)
			_exit(200);
		if (flags == O_WRONLY)
			CHECK(write(fd, "message", 7) == 7);
		else
			CHECK(read(fd, buf, 16) == 7 && !memcmp(buf, "message", 7));
		_exit(code);
	}
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	int s;
	char buf[16];
	CHECK(mkfifo("fifo", 0644) == 0);

	/* The writer is there first. */
	pid_t w = opener(O_WRONLY, 1);
	usleep(5000);
	CHECK(waitpid(w, &s, WNOHANG) == 0);
	int fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, 16) == 7);
	CHECK(waitpid(w, &s, 0) == w && WEXITSTATUS(s) == 1);
	CHECK(read(fd, buf, 16) == 0);
	close(fd);
	printf("writer first: %.7s\n", buf);

	/* The reader is there first. */
	pid_t r = opener(O_RDONLY, 2);
	usleep(5000);
	CHECK(waitpid(r, &s, WNOHANG) == 0);
	fd = open("fifo", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "message", 7) == 7);
	CHECK(waitpid(r, &s, 0) == r && WEXITSTATUS(s) == 2);
	close(fd);
	printf("reader first\n");

	/* Both are children: neither parent nor anybody else holds an end. */
	for (int first = 0; first < 2; first++) {
		pid_t a = opener(first ? O_RDONLY : O_WRONLY, 3);
		usleep(2000);
		pid_t b = opener(first ? O_WRONLY : O_RDONLY, 3);
		CHECK(waitpid(b, &s, 0) == b && WEXITSTATUS(s) == 3);
		CHECK(waitpid(a, &s, 0) == a && WEXITSTATUS(s) == 3);
	}
	printf("children\n");

	fd = open("fifo", O_RDWR);
	CHECK(fd >= 0 && write(fd, "self", 4) == 4 && read(fd, buf, 16) == 4);
	/* With both ends here, others need not wait. */
	int rd = open("fifo", O_RDONLY), wr = open("fifo", O_WRONLY);
	CHECK(rd >= 0 && wr >= 0);
	close(rd);
	close(wr);
	close(fd);
	printf("O_RDWR: %.4s\n", buf);

	/* What is left in a FIFO when the last descriptor is closed is gone. */
	fd = open("fifo", O_RDWR);
	CHECK(fd >= 0 && write(fd, "lost", 4) == 4 && close(fd) == 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0 && read(fd, buf, 16) == 0);
	close(fd);
	printf("emptied\n");

	/* A writer that comes and goes while the reader's open blocks still wakes it. */
	r = fork();
	CHECK(r >= 0);
	if (r == 0) {
		fd = open("fifo", O_RDONLY);
		_exit(fd >= 0 && read(fd, buf, 16) == 0 ? 4 : 5);
	}
	fd = open("fifo", O_WRONLY); /* blocks until r is in open */
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(waitpid(r, &s, 0) == r);
	printf("came and went: exited %d\n", WEXITSTATUS(s));
	CHECK(unlink("fifo") == 0);
	return 0;
}
