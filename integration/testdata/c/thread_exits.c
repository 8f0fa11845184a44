// laplace: same
// Ends of processes with threads: exit by one thread while others wait, the last thread's end, a crash, SIGKILL; told by wait.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int how;

static void *waits(void *arg)
{
	pthread_mutex_lock(&mutex);
	return arg;
}

static void *ends(void *arg)
{
	switch (how) {
	case 0:
		exit(3);
	case 1:
		abort();
	case 2:
		kill(getpid(), SIGKILL);
	}
	return arg;
}

static void child(void)
{
	pthread_t t[3];
	pthread_mutex_lock(&mutex);
	CHECK(pthread_create(&t[0], NULL, waits, NULL) == 0);
	CHECK(pthread_create(&t[1], NULL, waits, NULL) == 0);
	CHECK(pthread_create(&t[2], NULL, ends, NULL) == 0);
	if (how == 3) {
		pthread_join(t[2], NULL);
		_exit(4);
	}
	if (how == 4) {
		pthread_mutex_unlock(&mutex);
		pthread_exit(NULL);
	}
	pthread_join(t[0], NULL);
}

int main(void)
{
	for (how = 0; how < 4; how++) {
		fflush(stdout);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			child();
		int status;
		CHECK(waitpid(pid, &status, 0) == pid);
		printf("%d: exited %d %d, signaled %d %d\n", how, WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		       WIFSIGNALED(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	return 0;
}
