// laplace: same
// A writer blocks on a full pipe until its reader has taken enough; one write of 1 MiB returns once, complete.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

enum { SIZE = 1 << 20 };
static unsigned char data[SIZE], got[SIZE];

int main(void)
{
	setlinebuf(stdout);
	for (int i = 0; i < SIZE; i++)
		data[i] = i * 7 + (i >> 8);
	int p[2], s;
	size_t sizes[] = {1, 100, 4096, 65536, 70000, SIZE};
	for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		CHECK(pipe(p) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			CHECK(write(p[1], data, SIZE) == SIZE);
			_exit(0);
		}
		close(p[1]);
		size_t have = 0, step = sizes[k];
		memset(got, 0, SIZE);
		for (;;) {
			ssize_t n = read(p[0], got + have, have + step < SIZE ? step : SIZE - have);
			CHECK(n >= 0);
			if (n == 0)
				break;
			have += n;
			if (step == 1 && have == 1000)
				step = 1000; /* bytes one by one are slow: enough of them */
		}
		CHECK(have == SIZE && !memcmp(data, got, SIZE));
		CHECK(waitpid(pid, &s, 0) == pid && s == 0);
		close(p[0]);
		printf("by %zu: all there\n", sizes[k]);
	}

	/* The reader leaves while the writer blocks: SIGPIPE, or what was written so far and then EPIPE. */
	for (int ignore = 0; ignore < 2; ignore++) {
		CHECK(pipe(p) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			signal(SIGPIPE, ignore ? SIG_IGN : SIG_DFL);
			ssize_t n = write(p[1], data, SIZE);
			_exit(n > 0 && n < SIZE && write(p[1], data, 1) == -1 && errno == EPIPE ? 5 : 6);
		}
		close(p[1]);
		CHECK(read(p[0], got, 100) == 100);
		usleep(5000);
		close(p[0]);
		CHECK(waitpid(pid, &s, 0) == pid);
		if (WIFSIGNALED(s))
			printf("reader gone: signal %d\n", WTERMSIG(s));
		else
			printf("reader gone: exited %d\n", WEXITSTATUS(s));
	}
	return 0;
}
