// laplace: same
// alarm: interrupts pause, tells what was left, is replaced and switched off; its signal is the kernel's.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t runs, code, from;

static void handler(int sig, siginfo_t *info, void *context)
{
	runs++;
	code = info->si_code;
	from = info->si_pid;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(alarm(0) == 0);
	CHECK(alarm(100) == 0);
	unsigned left = alarm(50);
	CHECK(left == 100 || left == 99);
	left = alarm(0);
	CHECK(left == 50 || left == 49);
	CHECK(alarm(0) == 0);
	CHECK(runs == 0);

	CHECK(alarm(1) == 0);
	CHECK_ERR(pause(), EINTR);
	CHECK(runs == 1 && code == SI_KERNEL && from == 0);
	CHECK(alarm(0) == 0);

	// One that expires while its signal is blocked waits.
	sigset_t set, old, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(ualarm(20000, 0) == 0);
	CHECK(usleep(50000) == 0);
	CHECK(runs == 1);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGALRM) == 1);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(runs == 2);
	CHECK(usleep(50000) == 0 && runs == 2);
	printf("%d alarms\n", (int)runs);
	return 0;
}
