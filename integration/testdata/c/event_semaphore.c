// laplace: same
// eventfd as a semaphore: one at a time, to those who wait, in threads and processes.
#include "check.h"
#include "epoll.h"
#include <stdint.h>

static int sem, taken;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *takes(void *arg)
{
	eventfd_t v;
	for (int i = 0; i < 10; i++) {
		CHECK(eventfd_read(sem, &v) == 0 && v == 1);
		pthread_mutex_lock(&m);
		taken++;
		pthread_mutex_unlock(&m);
	}
	return arg;
}

int main(void)
{
	pthread_t t[3];
	eventfd_t v;
	sem = eventfd(3, EFD_SEMAPHORE);
	for (int i = 0; i < 3; i++)
		CHECK(eventfd_read(sem, &v) == 0 && v == 1);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, takes, NULL) == 0);
	for (int i = 0; i < 10; i++) {
		CHECK(eventfd_write(sem, 3) == 0);
		usleep(100);
	}
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	printf("%d\n", taken);

	/* Among processes. */
	int total = eventfd(0, 0);
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int k = 0; k < 5; k++)
				CHECK(eventfd_read(sem, &v) == 0 && v == 1);
			CHECK(eventfd_write(total, 5) == 0);
			_exit(0);
		}
	for (int i = 0; i < 15; i++)
		CHECK(eventfd_write(sem, 1) == 0);
	while (wait(NULL) > 0)
		;
	CHECK(eventfd_read(total, &v) == 0);
	printf("%llu\n", (unsigned long long)v);
	return 0;
}
