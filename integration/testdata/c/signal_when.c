// laplace: pinned
// How far a child gets before its parent's SIGTERM reaches it, and how often a handler runs: races natively.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

int main(void)
{
	setlinebuf(stdout);
	for (int n = 0; n < 3; n++) {
		int p[2];
		CHECK(pipe(p) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (unsigned i = 0;; i++)
				if (write(p[1], &i, sizeof i) != sizeof i)
					_exit(255);
		}
		close(p[1]);
		usleep(n * 1000);
		unsigned v, last = 0;
		CHECK(read(p[0], &v, sizeof v) == sizeof v && v == 0);
		CHECK(kill(pid, SIGTERM) == 0);
		while (read(p[0], &v, sizeof v) == sizeof v)
			last = v;
		int s;
		CHECK(waitpid(pid, &s, 0) == pid && WTERMSIG(s) == SIGTERM);
		printf("the child's last number: %u\n", last);
		close(p[0]);
	}

	CHECK(signal(SIGUSR1, handler) != SIG_ERR);
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 200; i++)
			kill(self, SIGUSR1);
		_exit(0);
	}
	int s;
	while (waitpid(pid, &s, 0) != pid)
		;
	printf("200 signals: the handler ran %d times\n", (int)runs);
	return 0;
}
