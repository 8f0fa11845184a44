// laplace: pinned
// A pipe both of whose ends are in several processes: tokens that all take and return, as with make's jobserver, who holds
// how many and when being a race natively; and a pipe that ends although everybody has had both ends.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

/* worker does its jobs, each with a token, and tells of each. */
static void worker(int id, int token[2], int tell, int jobs, int depth)
{
	int s;
	for (int k = 0; k < jobs; k++) {
		char t, line[32];
		CHECK(read(token[0], &t, 1) == 1);
		work((id * 7 + k * 3) % 11 * 4);
		if (depth > 0 && k == 1) {
			/* A worker of its own, while the token is held. */
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) { /* which begins from the start */
				id += 10;
				jobs--;
				depth--;
				k = -1;
				continue;
			}
			CHECK(write(token[1], &t, 1) == 1);
			CHECK(waitpid(pid, &s, 0) == pid && s == 0);
			CHECK(read(token[0], &t, 1) == 1);
		}
		int len = snprintf(line, sizeof line, "%d%c ", id, t);
		CHECK(write(tell, line, len) == len);
		CHECK(write(token[1], &t, 1) == 1);
	}
	_exit(0);
}

int main(void)
{
	setlinebuf(stdout);
	int token[2], tell[2], s;
	static const int counts[] = {1, 3, 8};
	for (int c = 0; c < 3; c++) {
		CHECK(pipe(token) == 0 && pipe(tell) == 0);
		for (int i = 0; i < counts[c]; i++)
			CHECK(write(token[1], &(char){'a' + i}, 1) == 1);
		for (int w = 0; w < 6; w++) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				close(tell[0]);
				worker(w, token, tell[1], 5, 1);
			}
		}
		close(tell[1]);
		printf("%d tokens: ", counts[c]);
		char buf[1000];
		ssize_t n;
		int lines = 0;
		while ((n = read(tell[0], buf, sizeof buf)) > 0) {
			for (ssize_t k = 0; k < n; k++)
				lines += buf[k] == ' ';
			printf("%.*s", (int)n, buf);
		}
		CHECK(lines == 6 * (5 + 4));
		for (int w = 0; w < 6; w++)
			CHECK(wait(&s) > 0 && s == 0);
		/* All tokens are back. */
		CHECK(fcntl(token[0], F_SETFL, O_NONBLOCK) == 0);
		printf("back:");
		int back = 0;
		while ((n = read(token[0], buf, 1)) == 1) {
			printf(" %c", buf[0]);
			back++;
		}
		CHECK(back == counts[c]);
		printf("\n");
		close(token[0]);
		close(token[1]);
		close(tell[0]);
	}

	/* Eight with both ends: each writes, closes its write end, then reads until there is an end. It comes once the last
	 * of them has closed its own. */
	int p[2];
	CHECK(pipe(p) == 0 && pipe(tell) == 0);
	for (int w = 0; w < 8; w++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char buf[4], line[100];
			int len = snprintf(line, sizeof line, "%d:", w), got = 0;
			ssize_t n;
			for (int k = 0; k < 3; k++) {
				work(w * k);
				CHECK(write(p[1], (char[]){'a' + w, '0' + k}, 2) == 2);
			}
			close(p[1]);
			while ((n = read(p[0], buf, 2)) > 0) {
				CHECK(n == 2);
				len += snprintf(line + len, sizeof line - len, "%.2s,", buf);
				got++;
				work(w);
			}
			CHECK(n == 0);
			len += snprintf(line + len, sizeof line - len, " ");
			CHECK(write(tell[1], line, len) == len);
			_exit(got);
		}
	}
	close(p[0]);
	close(p[1]);
	close(tell[1]);
	char buf[1000];
	ssize_t n;
	while ((n = read(tell[0], buf, sizeof buf)) > 0)
		printf("%.*s", (int)n, buf);
	printf("\n");
	int sum = 0;
	for (int w = 0; w < 8; w++) {
		CHECK(wait(&s) > 0 && WIFEXITED(s));
		sum += WEXITSTATUS(s);
	}
	CHECK(sum == 24);
	return 0;
}
