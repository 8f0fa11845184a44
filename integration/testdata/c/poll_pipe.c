// laplace: same
// What poll, ppoll, select and pselect say of pipes in every state, of files, and of bad descriptors.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

static void show(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
	struct timespec zero = {0, 0};
	int n = poll(&p, 1, 0);
	CHECK(n >= 0);
	printf("%s: %d%s%s%s%s%s%s", what, n, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
	       p.revents & POLLPRI ? " PRI" : "", p.revents & POLLHUP ? " HUP" : "", p.revents & POLLERR ? " ERR" : "",
	       p.revents & POLLNVAL ? " NVAL" : "");
	short revents = p.revents;
	CHECK(ppoll(&p, 1, &zero, NULL) == n && p.revents == revents);
	if (fd < 0 || revents & POLLNVAL) {
		printf("\n");
		return;
	}
	fd_set r, w, e;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	FD_SET(fd, &e);
	struct timeval tv = {0, 0};
	n = select(fd + 1, &r, &w, &e, &tv);
	CHECK(n == !!FD_ISSET(fd, &r) + !!FD_ISSET(fd, &w) + !!FD_ISSET(fd, &e));
	printf(", select%s%s%s\n", FD_ISSET(fd, &r) ? " r" : "", FD_ISSET(fd, &w) ? " w" : "", FD_ISSET(fd, &e) ? " e" : "");
	fd_set r2 = r, w2 = w, e2 = e;
	FD_SET(fd, &r2);
	FD_SET(fd, &w2);
	FD_SET(fd, &e2);
	CHECK(pselect(fd + 1, &r2, &w2, &e2, &zero, NULL) == n);
	CHECK(!memcmp(&r, &r2, sizeof r) && !memcmp(&w, &w2, sizeof w) && !memcmp(&e, &e2, sizeof e));
}

int main(void)
{
	setlinebuf(stdout);
	int p[2], q[2];
	static char big[65536];
	char buf[8];
	CHECK(pipe(p) == 0);
	show("empty, read end", p[0]);
	show("empty, write end", p[1]);
	CHECK(write(p[1], "x", 1) == 1);
	show("one byte, read end", p[0]);
	show("one byte, write end", p[1]);
	CHECK(read(p[0], buf, 1) == 1 && write(p[1], big, sizeof big) == sizeof big);
	show("full, read end", p[0]);
	show("full, write end", p[1]);
	CHECK(read(p[0], big, 4096) == 4096);
	show("a page free, write end", p[1]);
	close(p[1]);
	show("data, no writer", p[0]);
	CHECK(read(p[0], big, sizeof big) == sizeof big - 4096);
	show("no writer", p[0]);
	CHECK(pipe(q) == 0);
	close(q[0]);
	show("no reader", q[1]);
	close(q[1]);
	show("closed", q[1]);
	show("negative", -1);
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	show("empty file", fd);
	show("/dev/null", open("/dev/null", O_RDWR));
	show("directory", open(".", O_RDONLY));
	show("O_PATH", open(".", O_PATH));

	/* Several at once, only some of them asked about and ready. */
	CHECK(pipe(q) == 0 && write(q[1], "x", 1) == 1);
	struct pollfd f[6] = {{q[0], POLLIN, 7}, {q[0], POLLOUT, 7}, {q[1], POLLOUT, 7}, {-1, POLLIN, 7}, {q[1], POLLIN, 7}, {999, 0, 7}};
	int n = poll(f, 6, -1);
	printf("several: %d:", n);
	for (int i = 0; i < 6; i++)
		printf(" %x", f[i].revents);
	printf("\n");

	/* Errors. */
	struct timespec bad = {0, 1000000000}, negative = {-1, 0};
	CHECK_ERR(ppoll(f, 1, &bad, NULL), EINVAL);
	CHECK_ERR(ppoll(f, 1, &negative, NULL), EINVAL);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &bad, NULL), EINVAL);
	struct timeval bad_tv = {-1, 0};
	CHECK_ERR(select(0, NULL, NULL, NULL, &bad_tv), EINVAL);
	CHECK_ERR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	fd_set r;
	FD_ZERO(&r);
	int shut = dup(q[0]);
	CHECK(close(shut) == 0);
	FD_SET(shut, &r);
	CHECK_ERR(select(shut + 1, &r, NULL, NULL, NULL), EBADF);
	void *volatile nowhere = (void *)8;
	CHECK_ERR(poll(nowhere, 1, 0), EFAULT);
	volatile nfds_t too_many = 1u << 31;
	CHECK_ERR(poll(f, too_many, 0), EINVAL);
	printf("errors as documented\n");
	return 0;
}
