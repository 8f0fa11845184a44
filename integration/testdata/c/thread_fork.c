// laplace: same
// Threads that fork, and wait for each other's children; a child has one thread.
#include "check.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pids[4];

static void *forks(void *arg)
{
	long n = (long)arg;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(getpid() == (pid_t)syscall(SYS_gettid));
		_exit((int)n + 10);
	}
	pids[n] = pid;
	return NULL;
}

static void *waits(void *arg)
{
	int status;
	long n = (long)arg;
	CHECK(waitpid(pids[n], &status, 0) == pids[n]);
	return (void *)(long)WEXITSTATUS(status);
}

int main(void)
{
	pthread_t t[4];
	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, forks, (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, waits, (void *)i) == 0);
	for (int i = 0; i < 4; i++) {
		void *status;
		CHECK(pthread_join(t[i], &status) == 0);
		printf("%d: %ld\n", i, (long)status);
	}
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	return 0;
}
