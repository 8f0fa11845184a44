// laplace: pinned
// The clock is monotone along every edge that carries bytes: fork, pipe, file content.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

static int64_t now(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	int64_t parent = now();
	for (int i = 0; i < 20; i++) {
		int p[2];
		CHECK(pipe(p) == 0);
		int64_t before = now();
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int64_t child = now();
			if (child < before)
				FAIL("child %d starts %ld ns before its parent's last read", i, before - child);
			if (i % 3 == 0) {
				struct timespec s = {0, 1000000};
				nanosleep(&s, NULL);
			}
			for (int j = 0; j < i * 10; j++)
				child = now();
			int fd = open("stamp", O_WRONLY | O_CREAT | O_TRUNC, 0644);
			if (fd < 0 || write(fd, &child, sizeof child) != sizeof child)
				_exit(2);
			if (i % 2 == 0 && write(p[1], &child, sizeof child) != sizeof child)
				_exit(3);
			_exit(0);
		}
		CHECK(close(p[1]) == 0);
		int64_t child = 0;
		ssize_t n = read(p[0], &child, sizeof child); /* waits for the bytes, or for the child's end */
		CHECK(n == (i % 2 == 0 ? sizeof child : 0));
		if (n > 0) {
			int64_t t = now();
			if (t < child)
				FAIL("pipe %d: clock %ld is before what was read, %ld", i, t, child);
		}
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		CHECK(close(p[0]) == 0);
		int fd = open("stamp", O_RDONLY);
		CHECK(fd >= 0 && read(fd, &child, sizeof child) == sizeof child && close(fd) == 0);
		int64_t t = now();
		if (t < child)
			FAIL("file %d: clock %ld is before what was read, %ld", i, t, child);
		CHECK(t >= parent);
		parent = t;
		printf("%d child %ld parent %ld\n", i, child, t);
	}
	return 0;
}
