// laplace: pinned
// poll and select over many pipes that children write to when they please, with timeouts between: which are ready at each
// return is a race natively, and one sequence in a box.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/wait.h>

enum { N = 12 };

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

/* child writes four times, after calls, sleeps or both. */
static void child(int i, int fd)
{
	for (int k = 0; k < 4; k++) {
		if (i % 3 != 1)
			work(i * 13 % 7 * 20);
		if (i % 3 != 0)
			usleep((i * 5 % 7 + 1) * 1000);
		CHECK(write(fd, "xyz", 1 + k % 3) == 1 + k % 3);
	}
	_exit(i);
}

static void start(int fds[N])
{
	for (int i = 0; i < N; i++) {
		int p[2];
		CHECK(pipe(p) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			child(i, p[1]);
		}
		close(p[1]);
		fds[i] = p[0];
	}
}

static void finish(void)
{
	int s, sum = 0;
	for (int i = 0; i < N; i++) {
		CHECK(wait(&s) > 0 && WIFEXITED(s));
		printf("%d ", WEXITSTATUS(s));
		sum += WEXITSTATUS(s);
	}
	CHECK(sum == N * (N - 1) / 2);
	printf("\n");
}

int main(void)
{
	setlinebuf(stdout);
	static const int timeouts[] = {-1, 3, 0};
	for (int way = 0; way < 3; way++) {
		int fds[N], left = N, bytes = 0, timed = 0;
		struct pollfd fs[N];
		start(fds);
		for (int i = 0; i < N; i++)
			fs[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		printf("poll with timeout %d:", timeouts[way]);
		while (left > 0) {
			int n = poll(fs, N, timeouts[way]);
			CHECK(n >= 0);
			if (n == 0) {
				if (timed++ == 0 || timeouts[way])
					printf(" -");
				if (timeouts[way] == 0)
					usleep(100);
				continue;
			}
			printf(" ");
			for (int i = 0; i < N; i++) {
				char buf[16];
				if (!fs[i].revents)
					continue;
				n--;
				printf("%c%s", 'a' + i, fs[i].revents & POLLHUP ? fs[i].revents & POLLIN ? "+!" : "!" : "");
				ssize_t got = read(fds[i], buf, sizeof buf);
				CHECK(got >= 0);
				bytes += got;
				if (got == 0) {
					CHECK(fs[i].revents == POLLHUP);
					close(fds[i]);
					fs[i].fd = -1;
					left--;
				}
			}
			CHECK(n == 0);
		}
		CHECK(bytes == N * 7);
		printf("\n%d timeouts; ended: ", timed);
		finish();
	}

	/* The same by select. */
	int fds[N], left = N, bytes = 0, timed = 0;
	start(fds);
	printf("select:");
	while (left > 0) {
		fd_set r;
		struct timeval tv = {0, 2000};
		FD_ZERO(&r);
		for (int i = 0; i < N; i++)
			if (fds[i] >= 0)
				FD_SET(fds[i], &r);
		int n = select(FD_SETSIZE, &r, NULL, NULL, &tv);
		CHECK(n >= 0);
		timed += n == 0;
		printf(n ? " " : " -");
		for (int i = 0; i < N; i++) {
			char buf[16];
			if (fds[i] < 0 || !FD_ISSET(fds[i], &r))
				continue;
			ssize_t got = read(fds[i], buf, sizeof buf);
			CHECK(got >= 0);
			bytes += got;
			printf("%c%zd", 'a' + i, got);
			if (got == 0) {
				close(fds[i]);
				fds[i] = -1;
				left--;
			}
		}
	}
	CHECK(bytes == N * 7);
	printf("\n%d timeouts; ended: ", timed);
	finish();

	/* Writers that poll for room in one pipe, and a reader that makes some. */
	int p[2], s;
	static char page[4096];
	CHECK(pipe(p) == 0);
	for (int k = 0; k < 16; k++) {
		memset(page, '.', sizeof page);
		CHECK(write(p[1], page, sizeof page) == sizeof page);
	}
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			memset(page, 'a' + i, sizeof page);
			struct pollfd f = {.fd = p[1], .events = POLLOUT};
			for (int k = 0; k < 3; k++) {
				CHECK(poll(&f, 1, -1) == 1 && f.revents == POLLOUT);
				CHECK(write(p[1], page, sizeof page) == sizeof page);
			}
			_exit(0);
		}
	}
	close(p[1]);
	ssize_t n;
	long all = 0;
	char last = '.';
	printf("room:");
	while ((n = read(p[0], page, sizeof page)) > 0) {
		all += n;
		for (ssize_t k = 0; k < n; k++)
			if (page[k] != last)
				printf(" %c", last = page[k]);
		usleep(500);
	}
	printf("\n");
	CHECK(n == 0 && all == (16 + 12) * 4096);
	for (int i = 0; i < 4; i++)
		CHECK(wait(&s) > 0 && s == 0);
	return 0;
}
