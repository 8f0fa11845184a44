// laplace: same
// A hundred threads, some detached, that come and go; recursive and error-checking mutexes; locks that time out; a thread is cancelled.
#include "check.h"
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static int live;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *quick(void *arg)
{
	pthread_mutex_lock(&mutex);
	live++;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void cleaned(void *arg) { (*(int *)arg)++; }

static void *cancelled(void *arg)
{
	pthread_cleanup_push(cleaned, arg);
	for (;;)
		sleep(1000);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *locks(void *arg)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += at.tv_nsec > 900000000 ? 0 : 50000000;
	return (void *)(long)pthread_mutex_timedlock(arg, &at);
}

int main(void)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 100; i++) {
		pthread_t t;
		CHECK(pthread_create(&t, i % 2 ? &attr : NULL, quick, NULL) == 0);
		if (i % 2 == 0)
			CHECK(pthread_join(t, NULL) == 0);
	}
	for (int n = 0; n < 100;) {
		pthread_mutex_lock(&mutex);
		n = live;
		pthread_mutex_unlock(&mutex);
		sched_yield();
	}
	pthread_mutexattr_t kind;
	pthread_mutex_t recursive, checking;
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checking, &kind);
	CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0);
	CHECK(pthread_mutex_lock(&checking) == 0 && pthread_mutex_lock(&checking) == EDEADLK);
	pthread_t t;
	void *result;
	CHECK(pthread_create(&t, NULL, locks, &recursive) == 0);
	CHECK(pthread_join(t, &result) == 0);
	printf("timed out: %d\n", (long)result == ETIMEDOUT);
	int cleanups = 0;
	CHECK(pthread_create(&t, NULL, cancelled, &cleanups) == 0);
	usleep(1000);
	CHECK(pthread_cancel(t) == 0);
	CHECK(pthread_join(t, &result) == 0);
	printf("cancelled: %d, cleaned up: %d\n", result == PTHREAD_CANCELED, cleanups);
	return 0;
}
