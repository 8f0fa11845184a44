// laplace: same
// Sleeping processes wake in the order of their deadlines, however they sleep.
#include "check.h"
#include <poll.h>
#include <sys/wait.h>
#include <time.h>

enum { N = 5 };
static const int deadline[N] = {280, 120, 360, 40, 200}; /* ms after the start */

static long now_ms(void)
{
	struct timespec ts;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* order puts the children's letters into got, in the order in which they woke. */
static void order(char got[N + 1])
{
	int p[2], s;
	CHECK(pipe(p) == 0);
	long start = now_ms();
	for (int i = 0; i < N; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char c = 'a' + i;
			long at = start + deadline[i], left = at - now_ms();
			struct timespec until = {at / 1000, at % 1000 * 1000000};
			if (i % 2 == 0)
				clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
			else if (left > 0)
				poll(NULL, 0, left);
			CHECK(write(p[1], &c, 1) == 1);
			_exit(i);
		}
	}
	for (int i = 0; i < N; i++)
		CHECK(read(p[0], got + i, 1) == 1);
	got[N] = 0;
	for (int i = 0; i < N; i++)
		CHECK(wait(&s) > 0);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	char got[N + 1];
	/* A busy host may wake one of them too late: natively it gets another chance. */
	for (int tries = 0; tries < 10; tries++) {
		order(got);
		if (boxed() || !strcmp(got, "dbeac"))
			break;
	}
	printf("%s\n", got);
	return 0;
}
