// laplace: same
// SIGEV_THREAD_ID: the signal is for one thread, which waits for it or is interrupted; another one's mask does not matter.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread int caught;
static pthread_barrier_t ready;
static pid_t tids[2];

static void handler(int sig) { caught++; }

static void *interrupted(void *arg)
{
	tids[0] = syscall(SYS_gettid);
	pthread_barrier_wait(&ready);
	struct timespec d = {20, 0};
	CHECK_ERR(nanosleep(&d, NULL), EINTR);
	return (void *)(long)caught;
}

static void *waits(void *arg)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	tids[1] = syscall(SYS_gettid);
	pthread_barrier_wait(&ready);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR1);
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 1);
	return (void *)(long)(10 + caught);
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	pthread_t threads[2];
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	CHECK(pthread_barrier_init(&ready, NULL, 3) == 0);
	CHECK(pthread_create(&threads[0], NULL, interrupted, NULL) == 0);
	CHECK(pthread_create(&threads[1], NULL, waits, NULL) == 0);
	pthread_barrier_wait(&ready);
	timer_t t[2];
	for (int i = 0; i < 2; i++) {
		struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1, .sigev_value.sival_int = i};
		ev.sigev_notify_thread_id = tids[i];
		CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t[i]) == 0);
		struct itimerspec s = {.it_value = {0, 50000000 * (2 - i)}};
		CHECK(timer_settime(t[i], 0, &s, NULL) == 0);
	}
	for (int i = 0; i < 2; i++) {
		void *r;
		CHECK(pthread_join(threads[i], &r) == 0);
		printf("thread %d: %ld\n", i, (long)r);
	}
	printf("first thread: %d\n", caught);
	// One of a thread that has ended does nothing.
	struct itimerspec s = {.it_value = {0, 1000000}};
	CHECK(timer_settime(t[0], 0, &s, NULL) == 0);
	usleep(20000);
	printf("first thread: %d\n", caught);
	return 0;
}
