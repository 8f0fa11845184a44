// laplace: pinned
// Counters that threads change without a lock: natively a race, in a box one value every time.
#include "check.h"
#include <pthread.h>
#include <unistd.h>

static volatile long count;
static volatile int order[64], next;

static void *work(void *arg)
{
	for (int i = 0; i < 200; i++) {
		long n = count;
		if (i % 7 == 0)
			sched_yield();
		count = n + 1;
	}
	usleep(100 * ((long)arg % 3));
	order[next++ % 64] = (int)(long)arg;
	return NULL;
}

int main(void)
{
	pthread_t threads[8];
	for (long i = 0; i < 8; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("%ld:", count);
	for (int i = 0; i < next; i++)
		printf(" %d", order[i]);
	printf("\n");
	return 0;
}
