// laplace: same
// Sleeps that a timer interrupts: EINTR, and what was left, where a call tells it; absolute ones tell nothing.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static void soon(void)
{
	struct itimerval v = {.it_value = {0, 60000}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

static void between(struct timespec left, long from, long to)
{
	CHECK(left.tv_sec >= from && left.tv_sec < to);
}

int main(void)
{
	for (int restart = 0; restart < 2; restart++) { // SA_RESTART makes no difference
		struct sigaction act = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
		CHECK(sigaction(SIGALRM, &act, NULL) == 0);
		struct timespec d = {20, 0}, left = {0, 0};
		soon();
		CHECK_ERR(nanosleep(&d, &left), EINTR);
		between(left, 10, 20);
		soon();
		left = d;
		CHECK_ERR(nanosleep(&left, &left), EINTR);
		between(left, 10, 20);
		soon();
		CHECK_ERR(nanosleep(&d, NULL), EINTR);
		for (int wall = 0; wall < 2; wall++) {
			clockid_t id = wall ? CLOCK_REALTIME : CLOCK_MONOTONIC;
			soon();
			CHECK(clock_nanosleep(id, 0, &d, &left) == EINTR);
			between(left, 10, 20);
			struct timespec at;
			CHECK(clock_gettime(id, &at) == 0);
			at.tv_sec += 20;
			left.tv_sec = -1;
			soon();
			CHECK(clock_nanosleep(id, TIMER_ABSTIME, &at, &left) == EINTR);
			CHECK(left.tv_sec == -1);
		}
		struct timespec at;
		CHECK(clock_gettime(CLOCK_BOOTTIME, &at) == 0);
		at.tv_sec += 20;
		soon();
		CHECK(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL) == EINTR);
		soon();
		unsigned more = sleep(20);
		CHECK(more >= 10 && more <= 20);
		soon();
		CHECK_ERR(usleep(900000), EINTR);
	}
	printf("%d signals\n", (int)runs);
	struct timespec past = {1, 0};
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 1}, NULL) == 0);

	// Until a time has passed, whatever interrupts it.
	struct itimerval often = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}};
	struct timespec begin, end, d = {0, 100000000};
	CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	int broken = 0;
	while (nanosleep(&d, &d) != 0)
		CHECK(++broken < 1000);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
	CHECK(broken > 0);
	CHECK((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec >= 100000000);
	puts("slept");
	return 0;
}
