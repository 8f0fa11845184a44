// laplace: same
// Blocking pipes: what a read returns, end of file, empty transfers, vectors, and what pipes cannot do.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int p[2];
	char buf[100];
	CHECK(pipe(p) == 0);

	/* A read takes what is there, across writes, up to its size. */
	CHECK(write(p[1], "abc", 3) == 3 && write(p[1], "defgh", 5) == 5);
	CHECK(read(p[0], buf, 2) == 2 && !memcmp(buf, "ab", 2));
	CHECK(read(p[0], buf, 4) == 4 && !memcmp(buf, "cdef", 4));
	CHECK(read(p[0], buf, 100) == 2 && !memcmp(buf, "gh", 2));
	printf("partial reads\n");

	CHECK(write(p[1], buf, 0) == 0); /* nothing: no end of file for the reader */
	CHECK(write(p[1], "x", 1) == 1);
	CHECK(read(p[0], buf, 0) == 0);
	CHECK(read(p[0], buf, 100) == 1 && buf[0] == 'x');
	printf("empty transfers\n");

	struct iovec out[3] = {{"one", 3}, {"", 0}, {"two", 3}}, in[2] = {{buf, 4}, {buf + 10, 90}};
	CHECK(writev(p[1], out, 3) == 6);
	CHECK(readv(p[0], in, 2) == 6 && !memcmp(buf, "onet", 4) && !memcmp(buf + 10, "wo", 2));
	volatile int negative = -1;
	CHECK_ERR(writev(p[1], out, negative), EINVAL);
	printf("vectors\n");

	CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[1], buf, 1, 0), ESPIPE);
	CHECK_ERR(preadv(p[0], in, 1, 0), ESPIPE);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_ERR(write(p[0], buf, 1), EBADF);
	CHECK_ERR(ftruncate(p[1], 0), EINVAL);
	CHECK_ERR(fsync(p[1]), EINVAL);
	void *volatile bad = (void *)8;
	CHECK_ERR(write(p[1], bad, 1), EFAULT);
	CHECK(write(p[1], "y", 1) == 1);
	CHECK_ERR(read(p[0], bad, 1), EFAULT);
	CHECK_ERR(pipe(bad), EFAULT);
	CHECK(read(p[0], buf, 1) == 1 && buf[0] == 'y'); /* still there */
	printf("errors as documented\n");

	struct stat st;
	CHECK(fstat(p[0], &st) == 0);
	printf("fstat: fifo %d, mode %o, size %ld, nlink %ld\n", S_ISFIFO(st.st_mode), st.st_mode & 0777,
	       (long)st.st_size, (long)st.st_nlink);

	/* A reader that blocks is woken by data, then by the end. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[1]);
		ssize_t n;
		while ((n = read(p[0], buf, sizeof buf)) > 0)
			printf("child read %.*s\n", (int)n, buf);
		printf("child: end %zd\n", n);
		exit(0);
	}
	close(p[0]);
	usleep(5000);
	CHECK(write(p[1], "hello", 5) == 5);
	close(p[1]);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	return 0;
}
