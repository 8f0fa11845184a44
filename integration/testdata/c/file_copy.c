// laplace: same
// Bytes that the kernel moves between files: copy_file_range, sendfile, splice, tee.
#include "check.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int in;
static off_t length;

static void equal(const char *path)
{
	char a[4096], b[4096];
	int fd = open(path, O_RDONLY);
	struct stat st;
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	if (st.st_size != length)
		FAIL("%s has %ld bytes, want %ld", path, st.st_size, length);
	for (off_t at = 0; at < length; at += sizeof a) {
		ssize_t n = pread(in, a, sizeof a, at);
		CHECK(n > 0 && pread(fd, b, sizeof b, at) == n && memcmp(a, b, n) == 0);
	}
	CHECK(close(fd) == 0);
	printf("%s %ld bytes\n", path, length);
}

static int target(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0);
	return fd;
}

int main(void)
{
	struct stat st;
	in = open("lower", O_RDONLY);
	CHECK(in >= 0 && fstat(in, &st) == 0);
	length = st.st_size;
	/* copy_file_range: by the descriptors' offsets, then by explicit ones. */
	int out = target("range");
	ssize_t n;
	while ((n = copy_file_range(in, NULL, out, NULL, 30000, 0)) > 0)
		;
	CHECK(n == 0 && lseek(in, 0, SEEK_CUR) == length && lseek(out, 0, SEEK_CUR) == length);
	equal("range");
	loff_t from = 0, to = 0;
	out = target("range2");
	while ((n = copy_file_range(in, &from, out, &to, length, 0)) > 0)
		;
	CHECK(n == 0 && from == length && to == length && lseek(out, 0, SEEK_CUR) == 0);
	equal("range2");
	from = 0, to = 5;
	CHECK_ERR(copy_file_range(out, &from, out, &to, 100, 0), EINVAL); /* overlaps */
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	int ap = open("range2", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY);
	CHECK_ERR(copy_file_range(in, NULL, ap, NULL, 1, 0), EBADF);
	CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	CHECK_ERR(copy_file_range(out, NULL, in, NULL, 1, 0), EBADF);

	/* sendfile. */
	out = target("send");
	off_t at = 0;
	while ((n = sendfile(out, in, &at, 50000)) > 0)
		;
	CHECK(n == 0 && at == length && lseek(in, 0, SEEK_CUR) == length);
	equal("send");
	out = target("send2");
	CHECK(lseek(in, 0, SEEK_SET) == 0);
	while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	CHECK(n == 0);
	equal("send2");
	CHECK_ERR(sendfile(ap, in, NULL, 10), EINVAL);
	CHECK_ERR(sendfile(99, in, NULL, 10), EBADF);

	/* splice through a pipe, one capacity at a time; tee on the way. */
	int p[2], q[2];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	out = target("splice");
	int copy = target("tee");
	loff_t off = 0;
	off_t total = 0;
	while (total < length) {
		n = splice(in, &off, p[1], NULL, 65536, 0);
		CHECK(n > 0);
		total += n;
		for (ssize_t left = n; left > 0;) {
			ssize_t t = tee(p[0], q[1], left, 0);
			CHECK(t > 0);
			for (ssize_t l = t; l > 0;) {
				ssize_t m = splice(p[0], NULL, out, NULL, l, SPLICE_F_MOVE);
				CHECK(m > 0);
				l -= m;
			}
			for (ssize_t l = t; l > 0;) {
				ssize_t m = splice(q[0], NULL, copy, NULL, l, 0);
				CHECK(m > 0);
				l -= m;
			}
			left -= t;
		}
	}
	CHECK(splice(in, &off, p[1], NULL, 10, 0) == 0);
	equal("splice");
	equal("tee");
	CHECK_ERR(splice(in, &off, out, NULL, 10, 0), EINVAL); /* neither is a pipe */
	CHECK_ERR(splice(p[0], NULL, p[1], NULL, 10, 0), EINVAL);
	CHECK_ERR(splice(p[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(p[0], q[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(p[0], &off, out, NULL, 10, 0), ESPIPE);
	/* From a file straight to standard output. */
	fflush(stdout);
	at = length - 30;
	CHECK(sendfile(1, in, &at, 30) == 30);
	return 0;
}
