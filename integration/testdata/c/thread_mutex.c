// laplace: same
// Threads that count under a mutex, and are joined with what they return.
#include "check.h"
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long count;

static void *work(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		long n = count;
		if (i % 100 == 0)
			sched_yield();
		count = n + 1;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)((long)arg * 10);
}

int main(void)
{
	pthread_t threads[8];
	for (long i = 0; i < 8; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (long i = 0; i < 8; i++) {
		void *result;
		CHECK(pthread_join(threads[i], &result) == 0);
		printf("%ld: %ld\n", i, (long)result);
	}
	printf("%ld\n", count);
	CHECK(pthread_mutex_trylock(&mutex) == 0);
	CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
	return 0;
}
