// laplace: same
// Signals to threads: pthread_kill reaches the one that is meant, with its mask; sigwait; a signal interrupts a read.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static __thread int caught;
static int fds[2];

static void handler(int sig) { (void)sig; caught++; }

static void *reads(void *arg)
{
	char c;
	ssize_t n = read(fds[0], &c, 1);
	int failed = errno;
	CHECK(n == -1 && failed == EINTR);
	return (void *)(long)caught;
}

static void *waits(void *arg)
{
	sigset_t set;
	int sig = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(sigwait(&set, &sig) == 0);
	return (void *)(long)sig;
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(pipe(fds) == 0);
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	pthread_t r, w;
	void *result;
	CHECK(pthread_create(&r, NULL, reads, NULL) == 0);
	CHECK(pthread_create(&w, NULL, waits, NULL) == 0);
	usleep(200000);
	CHECK(pthread_kill(r, SIGUSR1) == 0);
	CHECK(pthread_join(r, &result) == 0);
	printf("the reader caught %ld, the first thread %d\n", (long)result, caught);
	CHECK(pthread_kill(w, SIGUSR2) == 0);
	CHECK(pthread_join(w, &result) == 0);
	printf("the other one waited for %d\n", (int)(long)result == SIGUSR2);
	CHECK(raise(SIGUSR1) == 0);
	printf("the first thread caught %d\n", caught);
	return 0;
}
