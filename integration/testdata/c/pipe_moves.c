// laplace: same
// sendfile, splice, tee and vmsplice: large files at once, full and empty pipes, chains of processes, who is woken.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char buf[300000], got[sizeof buf + 1]; /* room to find the end */

static size_t all(int fd)
{
	size_t n = 0;
	ssize_t k;
	while ((k = read(fd, got + n, sizeof got - n)) > 0)
		n += k;
	CHECK(k == 0);
	return n;
}

int main(void)
{
	int p[2], q[2];
	for (size_t i = 0; i < sizeof buf; i++)
		buf[i] = "abcdefg"[i % 7];
	int in = open("in", O_RDWR | O_CREAT, 0644), out = open("out", O_RDWR | O_CREAT, 0644);
	CHECK(write(in, buf, sizeof buf) == sizeof buf);

	/* A file to a file, all of it: from the start, and where the descriptor is. */
	off_t off = 0;
	CHECK(sendfile(out, in, &off, sizeof buf + 5) == sizeof buf && off == sizeof buf);
	CHECK(lseek(in, 0, SEEK_CUR) == sizeof buf && lseek(out, 0, SEEK_CUR) == sizeof buf);
	CHECK(pread(out, got, sizeof got, 0) == sizeof buf && memcmp(buf, got, sizeof buf) == 0);
	CHECK(lseek(in, 100000, SEEK_SET) == 100000 && lseek(out, 0, SEEK_SET) == 0);
	CHECK(sendfile(out, in, NULL, 150000) == 150000 && lseek(in, 0, SEEK_CUR) == 250000 && lseek(out, 0, SEEK_CUR) == 150000);
	CHECK(pread(out, got, 150000, 0) == 150000 && memcmp(buf + 100000, got, 150000) == 0);
	CHECK(sendfile(out, in, &off, 10) == 0 && off == sizeof buf);
	off = 99999999;
	CHECK(sendfile(out, in, &off, 10) == 0);

	/* Without waiting. */
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	struct iovec v = {buf, 10}, r = {got, 10};
	CHECK_ERR(vmsplice(p[0], &r, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(vmsplice(p[1], &v, 1, 0x100), EINVAL);
	CHECK_ERR(vmsplice(in, &v, 1, 0), EBADF);
	CHECK(vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK) == 10);
	CHECK(vmsplice(p[0], &r, 1, SPLICE_F_NONBLOCK) == 10 && memcmp(buf, got, 10) == 0);
	CHECK(write(p[1], buf, 65536) == 65536);
	CHECK_ERR(vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(in, &(loff_t){0}, p[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK(write(q[1], "x", 1) == 1);
	CHECK_ERR(tee(q[0], p[1], 1, SPLICE_F_NONBLOCK), EAGAIN);

	/* What is spliced away is room, of which an epoll is told. */
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLOUT | EPOLLET, .data.fd = p[1]};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev) == 0 && epoll_wait(ep, &ev, 1, 0) == 0);
	CHECK(lseek(out, 0, SEEK_SET) == 0);
	size_t n = 0;
	while (n < 65536) {
		ssize_t k = splice(p[0], NULL, out, NULL, 65536 - n, 0);
		CHECK(k > 0);
		n += k;
	}
	CHECK(epoll_wait(ep, &ev, 1, 0) == 1 && ev.events == EPOLLOUT);
	CHECK(pread(out, got, 65536, 0) == 65536 && memcmp(buf, got, 65536) == 0);
	close(ep);
	CHECK(read(q[0], got, 8) == 1);

	/* A chain: a file into a pipe, through a tee that another reads, into a file. */
	int copy[2];
	CHECK(pipe(copy) == 0);
	fflush(stdout);
	pid_t pids[3];
	if ((pids[0] = fork()) == 0) { /* the source */
		loff_t at = 0;
		ssize_t k;
		close(p[0]), close(q[0]), close(q[1]), close(copy[0]), close(copy[1]);
		while ((k = splice(in, &at, p[1], NULL, 1 << 20, 0)) > 0)
			;
		CHECK(k == 0);
		_exit(0);
	}
	if ((pids[1] = fork()) == 0) { /* the tee */
		ssize_t k;
		close(p[1]), close(q[0]), close(copy[0]);
		while ((k = tee(p[0], copy[1], 30000, 0)) > 0)
			while (k > 0) {
				ssize_t moved = splice(p[0], NULL, q[1], NULL, k, 0);
				CHECK(moved > 0);
				k -= moved;
			}
		CHECK(k == 0);
		_exit(0);
	}
	if ((pids[2] = fork()) == 0) { /* the copy's reader */
		close(p[0]), close(p[1]), close(q[0]), close(q[1]), close(copy[1]);
		CHECK(all(copy[0]) == sizeof buf && memcmp(buf, got, sizeof buf) == 0);
		_exit(0);
	}
	close(p[0]), close(p[1]), close(q[1]), close(copy[0]), close(copy[1]);
	CHECK(all(q[0]) == sizeof buf && memcmp(buf, got, sizeof buf) == 0);
	for (int i = 0; i < 3; i++) {
		int status;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	printf("moved\n");
	return 0;
}
