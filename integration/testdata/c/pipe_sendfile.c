// laplace: same
// sendfile from a file into a pipe and into a file, and FIONREAD on what arrives.
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int p[2], n;
	char buf[64];
	CHECK(pipe(p) == 0);
	int in = open("in", O_RDWR | O_CREAT, 0644), out = open("out", O_RDWR | O_CREAT, 0644);
	CHECK(in >= 0 && out >= 0 && write(in, "0123456789", 10) == 10 && lseek(in, 2, SEEK_SET) == 2);

	CHECK(sendfile(p[1], in, NULL, 3) == 3);
	CHECK(lseek(in, 0, SEEK_CUR) == 5);
	off_t off = 8;
	CHECK(sendfile(p[1], in, &off, 100) == 2 && off == 10);
	CHECK(lseek(in, 0, SEEK_CUR) == 5);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0);
	printf("queued %d\n", n);
	CHECK(read(p[0], buf, 64) == 5);
	printf("%.5s\n", buf);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 0);
	CHECK(ioctl(p[1], FIONREAD, &n) == 0 && n == 0);

	CHECK(sendfile(out, in, NULL, 100) == 5);
	CHECK(pread(out, buf, 64, 0) == 5);
	printf("%.5s\n", buf);
	CHECK(sendfile(out, in, NULL, 100) == 0);
	CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 0);
	CHECK(lseek(in, 4, SEEK_SET) == 4 && ioctl(in, FIONREAD, &n) == 0 && n == 6);

	CHECK_ERR(sendfile(out, 99, NULL, 1), EBADF);
	off = 0;
	CHECK_ERR(sendfile(out, p[0], &off, 1), ESPIPE);

	/* More than the pipe holds: blocks until a reader has taken it. */
	static char big[300000], back[300000];
	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = i * 31 + i / 777;
	CHECK(pwrite(in, big, sizeof big, 0) == sizeof big && lseek(in, 0, SEEK_SET) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		size_t sent = 0;
		while (sent < sizeof big) {
			ssize_t r = sendfile(p[1], in, NULL, sizeof big - sent);
			CHECK(r > 0);
			sent += r;
		}
		_exit(0);
	}
	close(p[1]);
	size_t have = 0;
	ssize_t r;
	while ((r = read(p[0], back + have, sizeof back - have)) > 0)
		have += r;
	CHECK(have == sizeof big && !memcmp(big, back, have));
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	printf("%zu through the pipe\n", have);
	return 0;
}
