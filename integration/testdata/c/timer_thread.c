// laplace: same
// SIGEV_THREAD: the C library calls a function in a thread, with the timer's value, at each expiry.
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

static sem_t called;
static int sum;
static pthread_t first;

static void function(union sigval v)
{
	CHECK(!pthread_equal(pthread_self(), first));
	__atomic_add_fetch(&sum, v.sival_int, __ATOMIC_SEQ_CST);
	CHECK(sem_post(&called) == 0);
}

int main(void)
{
	timer_t once, often;
	first = pthread_self();
	CHECK(sem_init(&called, 0, 0) == 0);
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = function, .sigev_value.sival_int = 100};
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &once) == 0);
	ev.sigev_value.sival_int = 1;
	CHECK(timer_create(CLOCK_REALTIME, &ev, &often) == 0);
	struct itimerspec s = {{0, 0}, {0, 20000000}};
	CHECK(timer_settime(once, 0, &s, NULL) == 0);
	CHECK(sem_wait(&called) == 0);
	printf("once: %d\n", sum);
	s = (struct itimerspec){{0, 10000000}, {0, 10000000}};
	CHECK(timer_settime(often, 0, &s, NULL) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(sem_wait(&called) == 0);
	CHECK(timer_delete(often) == 0);
	CHECK(__atomic_load_n(&sum, __ATOMIC_SEQ_CST) >= 105);
	CHECK(timer_delete(once) == 0);
	puts("often");
	return 0;
}
