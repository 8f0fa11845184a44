// laplace: same
// Several timers whose signals are blocked: of one real-time signal they come in the order of their times, lesser signals come first,
// and even an ordinary signal comes once for each timer.
#include "check.h"
#include <signal.h>
#include <time.h>

static struct timespec base;

static int make(int sig, int value, long nsec)
{
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value.sival_int = value};
	struct itimerspec s = {.it_value = base};
	s.it_value.tv_nsec += nsec;
	s.it_value.tv_sec += s.it_value.tv_nsec / 1000000000;
	s.it_value.tv_nsec %= 1000000000;
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	CHECK(timer_settime(t, TIMER_ABSTIME, &s, NULL) == 0);
	return 1;
}

int main(void)
{
	sigset_t set;
	siginfo_t info;
	struct timespec d = {0, 700000000}, zero = {0, 0};
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &base) == 0);
	base.tv_nsec += 400000000; // all of them are set before
	int n = make(SIGRTMIN + 1, 1, 90000000);
	n += make(SIGRTMIN + 1, 2, 30000000);
	n += make(SIGRTMIN + 1, 3, 60000000);
	n += make(SIGRTMIN, 4, 100000000);
	n += make(SIGRTMIN, 5, 10000000);
	n += make(SIGUSR1, 6, 80000000);
	n += make(SIGUSR1, 7, 40000000);
	CHECK(nanosleep(&d, NULL) == 0);
	while (n-- > 0) {
		int sig = sigtimedwait(&set, &info, &zero);
		CHECK(sig > 0 && info.si_code == SI_TIMER);
		printf("%s %d\n", sig == SIGUSR1 ? "SIGUSR1" : sig == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+1", info.si_value.sival_int);
	}
	CHECK_ERR(sigtimedwait(&set, &info, &zero), EAGAIN);
	return 0;
}
