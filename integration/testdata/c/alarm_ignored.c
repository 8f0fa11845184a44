// laplace: same
// A timer whose signal is ignored interrupts nothing, however often it expires; one whose signal is blocked neither, and sigtimedwait takes it.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

int main(void)
{
	struct itimerval often = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}}, v;
	struct timespec d = {0, 100000000};
	CHECK(signal(SIGALRM, SIG_IGN) == SIG_DFL);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	CHECK(nanosleep(&d, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &off, &v) == 0);
	CHECK(v.it_interval.tv_usec == 1000);

	sigset_t set, pending;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(signal(SIGALRM, handler) == SIG_IGN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	CHECK(nanosleep(&d, NULL) == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGALRM) == 1);
	for (int i = 0; i < 5; i++) {
		memset(&info, 0, sizeof info);
		CHECK(sigwaitinfo(&set, &info) == SIGALRM);
		CHECK(info.si_signo == SIGALRM && info.si_code == SI_KERNEL);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	struct timespec zero = {0, 0}, little = {0, 20000000};
	sigtimedwait(&set, NULL, &zero); // one may have come
	CHECK_ERR(sigtimedwait(&set, NULL, &little), EAGAIN);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(runs == 0);

	// SIGCHLD and the like are ignored unless they are caught.
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGWINCH};
	struct itimerspec s = {{0, 2000000}, {0, 2000000}};
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	CHECK(timer_settime(t, 0, &s, NULL) == 0);
	CHECK(nanosleep(&d, NULL) == 0);
	CHECK(timer_delete(t) == 0);
	CHECK(runs == 0);
	puts("done");
	return 0;
}
