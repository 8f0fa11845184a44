// laplace: pinned
// Readers and writers that do not block and ask again: how often they are told EAGAIN is a race natively, and a number in
// a box. The flag belongs to the description, which parent and children share.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

static pid_t start(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	int p[2], s;
	static char big[100000];

	/* A reader that only asks: three children write now and then. */
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	for (int w = 0; w < 3; w++)
		if (start() == 0) {
			close(p[0]);
			for (int i = 0; i < 5; i++) {
				char rec[8];
				work(40 * (w + 1));
				CHECK(write(p[1], rec, snprintf(rec, sizeof rec, "%c%d ", 'a' + w, i)) == 3);
			}
			_exit(0);
		}
	close(p[1]);
	int again = 0, got = 0;
	for (;;) {
		char buf[100];
		ssize_t n = read(p[0], buf, 3);
		if (n < 0) {
			if (errno != EAGAIN)
				FAIL("want EAGAIN");
			again++;
			continue;
		}
		if (n == 0)
			break;
		CHECK(n == 3);
		got++;
		printf("%.*safter %d; ", (int)n, buf, again);
	}
	printf("end after %d\n", again);
	CHECK(got == 15);
	for (int w = 0; w < 3; w++)
		CHECK(wait(&s) > 0 && s == 0);
	close(p[0]);

	/* A writer that only asks: its reader takes 5,000 bytes at a time. */
	CHECK(pipe(p) == 0);
	if (start() == 0) {
		ssize_t n;
		long all = 0;
		close(p[1]);
		while ((n = read(p[0], big, 5000)) > 0) {
			all += n;
			work(10);
		}
		CHECK(n == 0 && all == 500000);
		_exit(0);
	}
	close(p[0]);
	CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
	long left = 500000;
	int writes = 0;
	again = 0;
	while (left > 0) {
		ssize_t n = write(p[1], big, left < 30000 ? left : 30000);
		if (n < 0) {
			if (errno != EAGAIN)
				FAIL("want EAGAIN");
			again++;
			continue;
		}
		writes++;
		left -= n;
	}
	printf("%d writes, %d times full\n", writes, again);
	close(p[1]);
	CHECK(wait(&s) > 0 && s == 0);

	/* FIONREAD and poll without a timeout, as loops ask. */
	CHECK(pipe(p) == 0);
	if (start() == 0) {
		for (int i = 1; i <= 4; i++) {
			work(50 * i);
			CHECK(write(p[1], big, i * 100) == i * 100);
		}
		_exit(0);
	}
	close(p[1]);
	int before = 0, have = 0;
	for (int asked = 0; have < 1000; asked++) {
		CHECK(ioctl(p[0], FIONREAD, &have) == 0);
		if (have != before)
			printf("%d bytes when asked %d times\n", have, asked);
		CHECK(have >= before);
		before = have;
	}
	/* What is there by its word can be read at once, however many wrote it. */
	CHECK(read(p[0], big, 1000) == 1000);
	struct pollfd f = {.fd = p[0], .events = POLLIN};
	int polls = 0;
	while (poll(&f, 1, 0) == 0)
		polls++;
	CHECK(f.revents == POLLHUP);
	printf("the end is seen after %d polls\n", polls);
	CHECK(wait(&s) > 0 && s == 0);
	close(p[0]);

	/* Four that share one reading description which does not block, and one writer. */
	int back[2];
	CHECK(pipe2(p, O_NONBLOCK) == 0 && pipe(back) == 0);
	for (int r = 0; r < 4; r++)
		if (start() == 0) {
			char c, line[32];
			close(p[1]);
			for (again = 0;;) {
				ssize_t n = read(p[0], &c, 1);
				if (n == 0)
					break;
				if (n < 0) {
					if (errno != EAGAIN)
						FAIL("want EAGAIN");
					again++;
					work(r);
					continue;
				}
				int len = snprintf(line, sizeof line, "%d:%c ", r, c);
				CHECK(write(back[1], line, len) == len);
			}
			int len = snprintf(line, sizeof line, "%d asked %d ", r, boxed() ? again : 0);
			CHECK(write(back[1], line, len) == len);
			_exit(0);
		}
	close(p[0]);
	close(back[1]);
	for (char c = 'a'; c <= 'z'; c++) {
		CHECK(write(p[1], &c, 1) == 1);
		work(30);
	}
	close(p[1]);
	ssize_t n;
	while ((n = read(back[0], big, sizeof big)) > 0)
		printf("%.*s", (int)n, big);
	printf("\n");
	for (int r = 0; r < 4; r++)
		CHECK(wait(&s) > 0 && s == 0);
	return 0;
}
