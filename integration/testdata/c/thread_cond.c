// laplace: same
// A queue with a condition variable: producers and consumers, and a wait that times out at once.
#include "check.h"
#include <pthread.h>
#include <time.h>

enum { SIZE = 4, ITEMS = 200 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static int queue[SIZE], used;
static long sum;

static void put(int v)
{
	pthread_mutex_lock(&mutex);
	while (used == SIZE)
		pthread_cond_wait(&emptied, &mutex);
	queue[used++] = v;
	pthread_cond_signal(&filled);
	pthread_mutex_unlock(&mutex);
}

static int get(void)
{
	pthread_mutex_lock(&mutex);
	while (used == 0)
		pthread_cond_wait(&filled, &mutex);
	int v = queue[--used];
	pthread_cond_broadcast(&emptied);
	pthread_mutex_unlock(&mutex);
	return v;
}

static void *produce(void *arg)
{
	for (int i = 1; i <= ITEMS; i++)
		put(i);
	return arg;
}

static void *consume(void *arg)
{
	for (int v; (v = get()) != 0;)
		__atomic_fetch_add(&sum, v, __ATOMIC_RELAXED);
	return arg;
}

int main(void)
{
	pthread_t p[3], c[3];
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&p[i], NULL, produce, NULL) == 0);
		CHECK(pthread_create(&c[i], NULL, consume, NULL) == 0);
	}
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(p[i], NULL) == 0);
	pthread_mutex_lock(&mutex);
	while (used > 0)
		pthread_cond_wait(&emptied, &mutex);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 3; i++)
		put(0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(c[i], NULL) == 0);
	printf("%ld\n", sum);

	struct timespec at, before, after;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec = 0;
	at.tv_sec += 1;
	clock_gettime(CLOCK_MONOTONIC, &before);
	pthread_mutex_lock(&mutex);
	CHECK(pthread_cond_timedwait(&filled, &mutex, &at) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec - before.tv_sec <= 2);
	clock_gettime(CLOCK_REALTIME, &after);
	CHECK(after.tv_sec >= at.tv_sec);
	return 0;
}
