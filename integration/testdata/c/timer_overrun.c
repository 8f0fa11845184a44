// laplace: same
// What expires while the timer's signal is blocked is one signal, and overruns.
#include "check.h"
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t runs, overrun;

static void handler(int sig, siginfo_t *info, void *context)
{
	overrun = info->si_overrun;
	runs++;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec s = {{0, 10000000}, {0, 10000000}}, off = {{0, 0}, {0, 0}};
	struct timespec d = {0, 105000000};
	sigset_t set;
	timer_t t;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	for (int rt = 0; rt < 2; rt++) {
		runs = 0;
		CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
		CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
		CHECK(timer_settime(t, 0, &s, NULL) == 0);
		CHECK(nanosleep(&d, NULL) == 0);
		if (rt == 0) {
			CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
			CHECK(runs >= 1);
			if (boxed())
				CHECK(runs == 1 && overrun >= 9 && overrun <= 10);
			CHECK(timer_settime(t, 0, &off, NULL) == 0);
		} else {
			siginfo_t info;
			CHECK(sigwaitinfo(&set, &info) == SIGUSR1);
			CHECK(info.si_code == SI_TIMER && info.si_overrun >= 9);
			CHECK(timer_getoverrun(t) == info.si_overrun);
			if (boxed())
				CHECK(info.si_overrun <= 10); // sleeps take whole hundredths of a second
			CHECK(timer_settime(t, 0, &off, NULL) == 0);
			CHECK(timer_getoverrun(t) == 0);
		}
		CHECK(timer_delete(t) == 0);
	}
	puts("counted");
	return 0;
}
