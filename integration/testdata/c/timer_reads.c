// laplace: same
// A process that reads its clock all the time, and makes no other call: its timer expires when the clock has passed the deadline, and hardly later.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
	CHECK(signal(SIGALRM, handler) != SIG_ERR);
	for (int i = 0; i < 20; i++)
		now();
	for (int i = 1; i <= 5; i++) {
		struct itimerval v = {.it_value = {0, 7000 * i}};
		int64_t begin = now(), last = begin;
		CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
		while (runs < i)
			last = now();
		CHECK(now() - begin >= 7000000 * i);
		if (boxed())
			CHECK(last - begin < 7000000 * i + 2000000);
	}
	printf("%d\n", (int)runs);
	return 0;
}
