// laplace: same
// Clock reads by the thousand: they only go forward, in every process and thread, and loops that wait for a time end.
#include "check.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long ns(clockid_t id)
{
	struct timespec ts;
	CHECK(clock_gettime(id, &ts) == 0);
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long us(void)
{
	struct timeval tv;
	CHECK(gettimeofday(&tv, NULL) == 0);
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	return tv.tv_sec * 1000000LL + tv.tv_usec;
}

// read_all reads all kinds of clocks; what they show agrees.
static long long read_all(int n)
{
	long long real = ns(CLOCK_REALTIME), last = ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		long long now = ns(CLOCK_MONOTONIC);
		CHECK(now >= last);
		last = now;
		CHECK(ns(CLOCK_MONOTONIC_RAW) > 0 && ns(CLOCK_BOOTTIME) > 0);
		CHECK(ns(CLOCK_REALTIME_COARSE) > 0 && ns(CLOCK_MONOTONIC_COARSE) > 0);
		long long t = us() * 1000, r = ns(CLOCK_REALTIME);
		CHECK(t + 1000 > real && r >= t);
		real = r;
		if (i % 100 == 0)
			getppid();
	}
	CHECK(ns(CLOCK_PROCESS_CPUTIME_ID) >= 0);
	struct timespec ts;
	CHECK(clock_gettime(99, &ts) == -1);
	CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0 && ts.tv_sec * 1000000000LL + ts.tv_nsec >= real);
	struct timezone tz;
	struct timeval tv;
	CHECK(gettimeofday(&tv, &tz) == 0);
	return last;
}

static void *reader(void *arg)
{
	for (int i = 0; i < 20; i++) {
		long long before = ns(CLOCK_MONOTONIC);
		long long after = read_all(30);
		CHECK(after >= before);
		usleep(10);
	}
	return arg;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		read_all(100);
		return 0;
	}
	setbuf(stdout, NULL);
	long long last = read_all(2000);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(ns(CLOCK_MONOTONIC) >= last);
		read_all(1000);
		_exit(7);
	}
	int status;
	last = read_all(1000);
	CHECK(wait(&status) == pid && WEXITSTATUS(status) == 7);
	CHECK(ns(CLOCK_MONOTONIC) >= last);

	last = ns(CLOCK_MONOTONIC);
	if ((pid = vfork()) == 0) {
		long long n = ns(CLOCK_MONOTONIC);
		for (int i = 0; i < 3000; i++)
			ns(CLOCK_REALTIME);
		_exit(n < last);
	}
	CHECK(wait(&status) == pid && status == 0);
	CHECK(ns(CLOCK_MONOTONIC) >= last);
	char *args[] = { argv[0], "child", NULL };
	CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ) == 0);
	CHECK(wait(&status) == pid && status == 0);

	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, reader, NULL) == 0);
	reader(NULL);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);

	last = ns(CLOCK_MONOTONIC);
	sleep(1);
	CHECK(ns(CLOCK_MONOTONIC) - last >= 1000000000LL);
	for (time_t end = us() / 1000000 + 2; us() / 1000000 < end;)
		;
	puts("ok");
	return 0;
}
