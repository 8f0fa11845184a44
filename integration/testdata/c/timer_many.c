// laplace: pinned
// Processes with timers of their own, at the same time: who ticks when, and reaches a common pipe in which order, is a race natively.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static int fds[2], me;

static void tick(int sig)
{
	static int n;
	char line[8];
	int len = snprintf(line, sizeof line, "%d%c ", me, 'a' + n++);
	write(fds[1], line, len);
	if (n == 6)
		_exit(me);
}

int main(void)
{
	long periods[] = {3000, 5000, 7000, 11000};
	CHECK(pipe(fds) == 0);
	for (me = 0; me < 4; me++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		struct sigaction act = {.sa_handler = tick, .sa_flags = me % 2 ? SA_RESTART : 0};
		struct itimerval v = {{0, periods[me]}, {0, periods[me]}};
		CHECK(sigaction(SIGALRM, &act, NULL) == 0);
		CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
		for (;;)
			switch (me) {
			case 0:
				pause();
				break;
			case 1:
				usleep(100000);
				break;
			default:
				getppid();
			}
	}
	close(fds[1]);
	char b[64];
	ssize_t n;
	while ((n = read(fds[0], b, sizeof b)) > 0)
		printf("%.*s", (int)n, b);
	puts("");
	for (int i = 0; i < 4; i++) {
		int s;
		CHECK(wait(&s) > 0 && WIFEXITED(s));
		printf("%d\n", WEXITSTATUS(s));
	}
	return 0;
}
