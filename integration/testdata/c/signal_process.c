// laplace: same
// A signal for a process of several threads: the first one gets it if it does not block it, else one that does not; if all do, who waits for it;
// also when the first one has ended.
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static pthread_t first, workers[2];
static sem_t ready, done;
static const char *volatile who;

static void handler(int sig)
{
	pthread_t me = pthread_self();
	who = pthread_equal(me, first) ? "the first" : pthread_equal(me, workers[0]) ? "a worker" : "another worker";
	sem_post(&done);
}

static void mask(int how, int sig)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

static void *sleeps(void *arg)
{
	mask(arg ? SIG_BLOCK : SIG_UNBLOCK, SIGUSR1);
	sem_post(&ready);
	for (;;)
		usleep(500000);
	return NULL;
}

static void *takes(void *arg)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sem_post(&ready);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR2);
	who = info.si_pid == getpid() ? "who waits, from itself" : "who waits, from a child";
	sem_post(&done);
	return NULL;
}

static void fromChild(int sig)
{
	pid_t p = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		kill(p, sig);
		_exit(0);
	}
	int s;
	while (waitpid(pid, &s, 0) != pid)
		;
	CHECK(s == 0);
}

static void await(const char *what)
{
	while (sem_wait(&done) != 0)
		;
	printf("%s: %s\n", what, who);
	fflush(stdout);
}

static void *last(void *arg)
{
	CHECK(pthread_join(first, NULL) == 0);
	mask(SIG_UNBLOCK, SIGUSR1);
	workers[0] = pthread_self();
	fromChild(SIGUSR1);
	await("after the first one's end");
	exit(0);
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	first = pthread_self();
	mask(SIG_BLOCK, SIGUSR2);
	CHECK(sem_init(&ready, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
	CHECK(pthread_create(&workers[0], NULL, sleeps, NULL) == 0 && pthread_create(&workers[1], NULL, sleeps, &act) == 0);
	sem_wait(&ready), sem_wait(&ready);
	usleep(20000);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	await("the first does not block it");
	fromChild(SIGUSR1);
	await("the first does not block it");
	mask(SIG_BLOCK, SIGUSR1);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	await("the first blocks it");
	fromChild(SIGUSR1);
	await("the first blocks it");
	for (int i = 0; i < 2; i++) {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, takes, NULL) == 0);
		sem_wait(&ready);
		usleep(20000);
		if (i == 0)
			CHECK(kill(getpid(), SIGUSR2) == 0);
		else
			fromChild(SIGUSR2);
		await("all block it");
		CHECK(pthread_join(t, NULL) == 0);
	}
	pthread_t t;
	CHECK(pthread_cancel(workers[0]) == 0 && pthread_join(workers[0], NULL) == 0);
	CHECK(pthread_create(&t, NULL, last, NULL) == 0);
	pthread_exit(NULL);
}
