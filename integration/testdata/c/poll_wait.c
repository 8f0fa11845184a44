// laplace: same
// poll and select that block until another process writes, reads, closes or dies; event loops over many children.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/wait.h>

static int s;

int main(void)
{
	setlinebuf(stdout);
	int p[2], q[2];
	char c;
	static char big[65536];

	CHECK(pipe(p) == 0 && pipe(q) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		CHECK(read(q[0], &c, 1) == 1);
		usleep(3000);
		CHECK(write(p[1], "1", 1) == 1);
		CHECK(read(q[0], &c, 1) == 1);
		usleep(3000);
		_exit(0); /* closes */
	}
	close(p[1]);
	struct pollfd f = {.fd = p[0], .events = POLLIN};
	CHECK(write(q[1], "x", 1) == 1);
	CHECK(poll(&f, 1, -1) == 1 && f.revents == POLLIN);
	CHECK(read(p[0], &c, 1) == 1);
	CHECK(poll(&f, 1, 0) == 0);
	CHECK(write(q[1], "x", 1) == 1);
	CHECK(poll(&f, 1, 60000) == 1 && f.revents == POLLHUP);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	printf("data, then end\n");
	close(p[0]);

	/* Until there is room: the child drains a full pipe. */
	CHECK(pipe(p) == 0 && write(p[1], big, sizeof big) == sizeof big);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[1]);
		usleep(3000);
		CHECK(read(p[0], big, sizeof big) == sizeof big);
		CHECK(read(q[0], &c, 1) == 1);
		_exit(0);
	}
	fd_set w;
	FD_ZERO(&w);
	FD_SET(p[1], &w);
	CHECK(select(p[1] + 1, NULL, &w, NULL, NULL) == 1 && FD_ISSET(p[1], &w));
	close(p[0]);
	CHECK(write(q[1], "x", 1) == 1);
	f.fd = p[1];
	f.events = 0;
	CHECK(poll(&f, 1, -1) == 1 && f.revents == POLLERR); /* the last reader has gone */
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	close(p[1]);
	printf("room, then no reader\n");

	/* A timeout that is long enough never decides. */
	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(write(p[1], "y", 1) == 1);
		_exit(0);
	}
	fd_set r;
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	struct timeval tv = {60, 0};
	CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 1);
	CHECK(tv.tv_sec < 60 || tv.tv_usec == 0); /* what is left */
	CHECK(tv.tv_sec >= 30);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	close(p[0]);
	close(p[1]);
	printf("select with a timeout\n");

	/* Sixteen children write 40 KiB each, in pieces; one loop collects them all. */
	enum { N = 16 };
	struct pollfd fs[N];
	pid_t pids[N];
	long sum[N] = {0};
	for (int i = 0; i < N; i++) {
		CHECK(pipe(p) == 0);
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			memset(big, i, sizeof big);
			for (int k = 0; k < 40; k++)
				CHECK(write(p[1], big, 1000 + 24) == 1024);
			if (i % 4 == 3)
				raise(SIGKILL);
			_exit(i);
		}
		close(p[1]);
		fs[i] = (struct pollfd){.fd = p[0], .events = POLLIN};
	}
	for (int open_ones = N; open_ones > 0;) {
		CHECK(poll(fs, N, -1) > 0);
		for (int i = 0; i < N; i++) {
			if (!fs[i].revents)
				continue;
			ssize_t n = read(fs[i].fd, big, 5000);
			CHECK(n >= 0);
			for (ssize_t k = 0; k < n; k++)
				CHECK(big[k] == i);
			sum[i] += n;
			if (n == 0) {
				close(fs[i].fd);
				fs[i].fd = -1;
				open_ones--;
			}
		}
	}
	for (int i = 0; i < N; i++) {
		CHECK(sum[i] == 40960);
		CHECK(waitpid(pids[i], &s, 0) == pids[i]);
		printf("%d ", WIFSIGNALED(s) ? -WTERMSIG(s) : WEXITSTATUS(s));
	}
	printf("\n");
	return 0;
}
