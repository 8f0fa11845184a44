// laplace: pinned
// Threads have ids of their own in their process; the clock is one for all of them, and never goes back.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct timespec last;

static void *work(void *arg)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);
	CHECK(tid != getpid());
	CHECK(syscall(SYS_tgkill, getpid(), tid, 0) == 0);
	for (int i = 0; i < 50; i++) {
		struct timespec now;
		pthread_mutex_lock(&mutex);
		clock_gettime(CLOCK_MONOTONIC, &now);
		CHECK(now.tv_sec > last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec));
		last = now;
		pthread_mutex_unlock(&mutex);
		sched_yield();
	}
	*(pid_t *)arg = tid;
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	pid_t tids[4];
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, work, &tids[i]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (int i = 0; i < 4; i++)
		printf("%d\n", tids[i]);
	CHECK(syscall(SYS_tgkill, getpid(), tids[0], 0) == -1 && errno == ESRCH);
	return 0;
}
