// laplace: same
// A polling loop: waitpid(WNOHANG) with a sleep between the attempts.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

static int poll_for(pid_t pid, int how)
{
	int status;
	for (int tries = 0; tries < 1000; tries++) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		CHECK(got >= 0);
		if (got == pid)
			return WEXITSTATUS(status);
		struct timespec ts = {0, 2000000};
		struct timeval tv = {0, 2000};
		switch (how) {
		case 0: nanosleep(&ts, NULL); break;
		case 1: clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL); break;
		case 2: usleep(2000); break;
		case 3: poll(NULL, 0, 2); break;
		case 4: select(0, NULL, NULL, NULL, &tv); break;
		}
	}
	FAIL("child never exited");
}

int main(void)
{
	setlinebuf(stdout);
	for (int how = 0; how < 5; how++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			usleep(10000);
			_exit(how + 1);
		}
		printf("exited %d\n", poll_for(pid, how));
	}
	/* Several at once, each with its own sleep: all are found. */
	int sum = 0, left = 5, status;
	for (int i = 0; i < left; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			usleep(1000 * (5 - i));
			_exit(1 << i);
		}
	}
	while (left) {
		pid_t got = waitpid(-1, &status, WNOHANG);
		CHECK(got >= 0);
		if (got) {
			sum += WEXITSTATUS(status);
			left--;
		} else {
			usleep(1000);
		}
	}
	printf("sum %d\n", sum);
	return 0;
}
