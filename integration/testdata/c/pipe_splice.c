// laplace: same
// splice, tee and vmsplice between pipes and files, and what they refuse.
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int queued(int fd)
{
	int n;
	CHECK(ioctl(fd, FIONREAD, &n) == 0);
	return n;
}

static void expect(int fd, const char *what, const char *text)
{
	char buf[256];
	size_t len = strlen(text);
	CHECK(read(fd, buf, sizeof buf) == (ssize_t)len && !memcmp(buf, text, len));
	printf("%s: %s\n", what, text);
}

int main(void)
{
	setlinebuf(stdout);
	int a[2], b[2];
	CHECK(pipe(a) == 0 && pipe(b) == 0);
	int in = open("in", O_RDWR | O_CREAT, 0644), out = open("out", O_RDWR | O_CREAT, 0644);
	CHECK(in >= 0 && out >= 0 && write(in, "0123456789", 10) == 10 && lseek(in, 0, SEEK_SET) == 0);

	/* File to pipe: at the file's offset, or at a given one. */
	CHECK(splice(in, NULL, a[1], NULL, 4, 0) == 4);
	CHECK(lseek(in, 0, SEEK_CUR) == 4);
	expect(a[0], "file to pipe", "0123");
	loff_t off = 7;
	CHECK(splice(in, &off, a[1], NULL, 100, 0) == 3 && off == 10);
	CHECK(lseek(in, 0, SEEK_CUR) == 4);
	expect(a[0], "from an offset", "789");
	CHECK(splice(in, &off, a[1], NULL, 100, 0) == 0); /* the end */

	/* Pipe to file. */
	CHECK(write(a[1], "abcdef", 6) == 6);
	CHECK(splice(a[0], NULL, out, NULL, 3, SPLICE_F_MOVE) == 3);
	off = 10;
	CHECK(splice(a[0], NULL, out, &off, 100, 0) == 3 && off == 13 && queued(a[0]) == 0);
	CHECK(lseek(out, 0, SEEK_CUR) == 3);
	char buf[64];
	CHECK(pread(out, buf, 64, 0) == 13);
	printf("pipe to file: %.3s, zeros %d, %.3s\n", buf, buf[3] == 0 && buf[9] == 0, buf + 10);

	/* Pipe to pipe moves, tee copies. */
	CHECK(write(a[1], "moved", 5) == 5);
	CHECK(splice(a[0], NULL, b[1], NULL, 100, 0) == 5 && queued(a[0]) == 0);
	expect(b[0], "pipe to pipe", "moved");
	CHECK(write(a[1], "copied", 6) == 6);
	CHECK(tee(a[0], b[1], 4, 0) == 4 && queued(a[0]) == 6);
	expect(b[0], "tee", "copi");
	CHECK(tee(a[0], b[1], 100, 0) == 6);
	expect(b[0], "tee all", "copied");
	expect(a[0], "the original", "copied");

	struct iovec v[2] = {{"vm", 2}, {"splice", 6}};
	CHECK(vmsplice(a[1], v, 2, 0) == 8);
	expect(a[0], "vmsplice", "vmsplice");
	CHECK(write(a[1], "back", 4) == 4);
	struct iovec r = {buf, sizeof buf};
	CHECK(vmsplice(a[0], &r, 1, 0) == 4 && !memcmp(buf, "back", 4));
	printf("vmsplice from a pipe: %.4s\n", buf);

	/* Errors. */
	CHECK_ERR(splice(in, NULL, out, NULL, 1, 0), EINVAL);         /* no pipe */
	CHECK_ERR(splice(a[0], NULL, a[1], NULL, 1, 0), EINVAL);      /* one pipe */
	off = 0;
	CHECK_ERR(splice(a[0], &off, b[1], NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(a[1], NULL, b[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(a[0], NULL, b[1], NULL, 1, 0x100), EINVAL);
	CHECK_ERR(tee(in, b[1], 1, 0), EINVAL);
	CHECK_ERR(tee(a[0], a[1], 1, 0), EINVAL);
	CHECK_ERR(splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(a[0], b[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK(splice(a[0], NULL, b[1], NULL, 0, 0) == 0);
	int append = open("out", O_WRONLY | O_APPEND);
	CHECK(append >= 0 && write(a[1], "x", 1) == 1);
	CHECK_ERR(splice(a[0], NULL, append, NULL, 1, 0), EINVAL);
	CHECK(read(a[0], buf, 1) == 1);
	printf("errors as documented\n");

	/* Blocking: splice waits for data, tee too; the end of the pipe is 0. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(5000);
		CHECK(write(a[1], "first", 5) == 5);
		char c;
		CHECK(read(b[0], buf, 5) == 5);
		usleep(5000);
		CHECK(write(a[1], "second", 6) == 6);
		CHECK(read(b[0], &c, 1) == 1);
		_exit(c);
	}
	CHECK(splice(a[0], NULL, b[1], NULL, 100, 0) == 5);
	CHECK(tee(a[0], b[1], 1, 0) == 1);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("blocking: %c\n", WEXITSTATUS(s));
	expect(a[0], "left", "second");
	close(a[1]);
	CHECK(splice(a[0], NULL, b[1], NULL, 1, 0) == 0 && tee(a[0], b[1], 1, 0) == 0);

	/* A copy through a pipe, as cp-like tools do it. */
	CHECK(pipe(a) == 0);
	static char big[300000];
	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = i * 13 + i / 1000;
	int src = open("src", O_RDWR | O_CREAT, 0644), dst = open("dst", O_RDWR | O_CREAT, 0644);
	CHECK(src >= 0 && dst >= 0 && write(src, big, sizeof big) == sizeof big && lseek(src, 0, SEEK_SET) == 0);
	size_t moved = 0;
	for (;;) {
		ssize_t n = splice(src, NULL, a[1], NULL, 65536, SPLICE_F_MOVE | SPLICE_F_MORE);
		CHECK(n >= 0);
		if (n == 0)
			break;
		for (ssize_t left = n; left > 0;) {
			ssize_t w = splice(a[0], NULL, dst, NULL, left, 0);
			CHECK(w > 0);
			left -= w;
		}
		moved += n;
	}
	printf("copied %zu\n", moved);
	return 0;
}
