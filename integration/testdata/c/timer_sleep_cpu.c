// laplace: same
// clock_nanosleep by CPU time: until another thread has worked for so long, or a signal comes; at once for a time that has passed.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile int over;
static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static void *works(void *arg)
{
	int fd = open("prog", O_RDONLY);
	char b[64];
	CHECK(fd >= 0);
	while (!over)
		CHECK(pread(fd, b, sizeof b, 0) == sizeof b);
	return NULL;
}

int main(void)
{
	struct timespec d = {0, 10000000}, at, left = {0, 0};
	struct itimerval v = {.it_value = {0, 30000}};
	CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &(struct timespec){0, 1}, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &d, NULL) != 0);
	CHECK(signal(SIGALRM, handler) != SIG_ERR);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &(struct timespec){20, 0}, &left) == EINTR);
	CHECK(left.tv_sec >= 10 && left.tv_sec <= 20 && runs == 1);
	pthread_t t;
	CHECK(pthread_create(&t, NULL, works, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &d, NULL) == 0);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
	CHECK(at.tv_sec > 0 || at.tv_nsec >= 10000000);
	at.tv_sec += (at.tv_nsec + 10000000) / 1000000000;
	at.tv_nsec = (at.tv_nsec + 10000000) % 1000000000;
	CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &at, NULL) == 0);
	over = 1;
	CHECK(pthread_join(t, NULL) == 0);
	puts("slept");
	return 0;
}
