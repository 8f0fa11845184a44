// laplace: same
// TIMER_ABSTIME: at a time of the timer's own clock, at once when that has passed, and at intervals from then on.
#include "check.h"
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

int main(void)
{
	clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct timespec now, d = {20, 0};
	CHECK(signal(SIGUSR2, handler) != SIG_ERR);
	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		timer_t t;
		struct itimerspec s = {{0, 0}, {0, 0}};
		CHECK(timer_create(clocks[i], &ev, &t) == 0);
		CHECK(clock_gettime(clocks[i], &s.it_value) == 0);
		s.it_value.tv_nsec += 100000000;
		if (s.it_value.tv_nsec >= 1000000000) {
			s.it_value.tv_nsec -= 1000000000;
			s.it_value.tv_sec++;
		}
		struct timespec at = s.it_value;
		runs = 0;
		CHECK(timer_settime(t, TIMER_ABSTIME, &s, NULL) == 0);
		CHECK(timer_gettime(t, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec <= 100000000);
		CHECK_ERR(nanosleep(&d, NULL), EINTR);
		CHECK(clock_gettime(clocks[i], &now) == 0);
		CHECK(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
		CHECK(runs == 1);

		s = (struct itimerspec){{0, 10000000}, at}; // passed
		CHECK(timer_settime(t, TIMER_ABSTIME, &s, NULL) == 0);
		while (runs < 4)
			pause();
		s = (struct itimerspec){{0, 0}, {0, 1}};
		runs = 0;
		CHECK(timer_settime(t, TIMER_ABSTIME, &s, NULL) == 0);
		while (runs < 1)
			getppid();
		CHECK(timer_delete(t) == 0);
		printf("clock %u\n", i);
	}
	return 0;
}
