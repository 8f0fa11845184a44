// laplace: same
// A process's timers in a process of several threads: the first thread is interrupted, wherever it waits, unless it blocks the signal; others then are, or wait for it.
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static pthread_t first;
static volatile sig_atomic_t inFirst, inOther;
static sem_t never;

static void handler(int sig)
{
	if (pthread_equal(pthread_self(), first))
		inFirst++;
	else
		inOther++;
}

static void soon(void)
{
	struct itimerval v = {.it_value = {0, 30000}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

static void *works(void *arg)
{
	for (;;)
		usleep(1000);
	return arg;
}

static void *interrupted(void *arg)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	soon();
	CHECK_ERR(sem_wait(&never), EINTR);
	return NULL;
}

static void *waits(void *arg)
{
	sigset_t set;
	int sig;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	soon();
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGALRM);
	return NULL;
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	struct timespec d = {20, 0};
	pthread_t t, w;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	first = pthread_self();
	CHECK(sem_init(&never, 0, 0) == 0);
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(pthread_create(&w, NULL, works, NULL) == 0);
	soon();
	CHECK_ERR(nanosleep(&d, NULL), EINTR);
	soon();
	CHECK_ERR(sem_wait(&never), EINTR);
	CHECK(inFirst == 2 && inOther == 0);
	// From now on one thread only lets it in.
	CHECK(pthread_cancel(w) == 0 && pthread_join(w, NULL) == 0);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(pthread_create(&t, NULL, interrupted, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(inFirst == 2 && inOther == 1);
	CHECK(pthread_create(&t, NULL, waits, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(inFirst == 2 && inOther == 1);
	puts("as meant");
	return 0;
}
