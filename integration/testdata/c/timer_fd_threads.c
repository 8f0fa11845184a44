// laplace: same
// Threads that wait for timers: each is woken by its own descriptor, one by what another thread sets, and a signal interrupts one.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/timerfd.h>

static int fds[4];

static void set(int fd, long msec)
{
	struct itimerspec s = {.it_value = {msec / 1000, msec % 1000 * 1000000}};
	CHECK(timerfd_settime(fd, 0, &s, NULL) == 0);
}

static void handler(int sig) {}

static void *reads(void *arg)
{
	uint64_t n = 0;
	ssize_t got = read(*(int *)arg, &n, 8);
	if (got == -1 && errno == EINTR)
		return (void *)-1L;
	CHECK(got == 8);
	return (void *)(long)n;
}

int main(void)
{
	pthread_t threads[4];
	struct sigaction act = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		fds[i] = timerfd_create(CLOCK_MONOTONIC, 0);
		CHECK(fds[i] >= 0);
		if (i < 2)
			set(fds[i], 100 - 50 * i);
		else
			set(fds[i], 1000000);
		CHECK(pthread_create(&threads[i], NULL, reads, &fds[i]) == 0);
	}
	for (int i = 0; i < 4; i++) {
		void *r;
		if (i == 2)
			set(fds[2], 10);
		if (i == 3)
			CHECK(pthread_kill(threads[3], SIGUSR1) == 0);
		CHECK(pthread_join(threads[i], &r) == 0);
		printf("thread %d: %ld\n", i, (long)r);
	}
	return 0;
}
