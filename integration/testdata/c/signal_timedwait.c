// laplace: same
// sigtimedwait: takes what is pending, waits, gives up when the time is over, is interrupted by others; in several threads, each takes one.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static sigset_t set;

static void *takes(void *arg)
{
	siginfo_t info;
	struct timespec d = {20, 0};
	int sig;
	while ((sig = sigtimedwait(&set, &info, &d)) == -1 && errno == EINTR)
		; // another thread was faster
	if (sig != SIGRTMIN)
		FAIL("signal %d", sig);
	return (void *)(long)info.si_value.sival_int;
}

static void *late(void *arg)
{
	struct timespec d = {0, 20000000};
	CHECK_ERR(sigtimedwait(&set, NULL, &d), EAGAIN);
	return NULL;
}

int main(void)
{
	siginfo_t info;
	struct timespec d = {0, 30000000}, zero = {0, 0}, long_ = {20, 0};
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK_ERR(sigtimedwait(&set, &info, &zero), EAGAIN);
	CHECK_ERR(sigtimedwait(&set, &info, &d), EAGAIN);
	CHECK_ERR(sigtimedwait(&set, &info, &(struct timespec){0, -1}), EINVAL);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(sigtimedwait(&set, &info, &d) == SIGUSR1 && info.si_code == SI_USER && info.si_pid == getpid());
	CHECK_ERR(sigtimedwait(&set, &info, &zero), EAGAIN);
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct itimerval v = {.it_value = {0, 20000}};
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK_ERR(sigtimedwait(&set, &info, &long_), EINTR);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK_ERR(sigwaitinfo(&set, &info), EINTR);
	printf("interrupted %d times\n", (int)runs);

	pthread_t t[3], l;
	long sum = 0;
	CHECK(pthread_create(&l, NULL, late, NULL) == 0);
	CHECK(pthread_join(l, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, takes, NULL) == 0);
	usleep(30000);
	for (int i = 0; i < 3; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1 << i}) == 0);
	for (int i = 0; i < 3; i++) {
		void *r;
		CHECK(pthread_join(t[i], &r) == 0);
		sum += (long)r;
	}
	printf("each takes one: %ld\n", sum);
	return 0;
}
