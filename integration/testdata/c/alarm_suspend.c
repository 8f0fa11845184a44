// laplace: same
// sigsuspend, ppoll and pselect let a timer's signal in that is blocked otherwise, pending or not; the mask is back when the handler has run.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t runs, inside;

static void handler(int sig)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	inside = sigismember(&now, SIGALRM) * 2 + sigismember(&now, SIGUSR1);
	runs++;
}

static void soon(int usec)
{
	struct itimerval v = {.it_value = {0, usec}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

static void blocked(void)
{
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
	CHECK(sigismember(&now, SIGALRM) && sigismember(&now, SIGUSR1));
	CHECK(inside == 2);
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	sigset_t set, none;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGUSR1);
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int pending = 0; pending < 2; pending++) {
		soon(20000);
		if (pending)
			usleep(50000);
		CHECK_ERR(sigsuspend(&none), EINTR);
		blocked();
		soon(20000);
		if (pending)
			usleep(50000);
		CHECK_ERR(ppoll(NULL, 0, NULL, &none), EINTR);
		blocked();
		soon(20000);
		if (pending)
			usleep(50000);
		CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
		blocked();
	}
	printf("%d signals\n", (int)runs);
	return 0;
}
