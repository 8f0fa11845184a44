// laplace: pinned
// A limit of CPU time takes effect when the process has used as much as it is shown, the same in every run.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t got;
static volatile int code;

static void caught(int sig, siginfo_t *info, void *context)
{
	got++;
	code = info->si_code;
}

/* turns reads the clock, which uses CPU time, and after a while in a box much of it, until the signal. */
static long turns(int signals)
{
	struct timespec ts;
	long n = 0;
	while (got < signals) {
		CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
		n++;
	}
	return n;
}

static void *waits(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	struct rlimit r = {1, 100};
	struct timespec cpu;
	int status;
	CHECK(sigaction(SIGXCPU, &sa, 0) == 0);
	CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
	printf("%ld turns\n", turns(1));
	CHECK(code == SI_KERNEL);
	CHECK(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 2 && r.rlim_max == 100);
	if (!boxed())
		return 0; /* the rest takes seconds */
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0 && cpu.tv_sec == 1);
	printf("%ld turns more\n", turns(2));
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(signal(SIGXCPU, SIG_IGN) != SIG_ERR);
		r = (struct rlimit){3, 4};
		CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
		turns(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(signal(SIGXCPU, SIG_DFL) != SIG_ERR);
		turns(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) { // its threads end with it
		pthread_t thread;
		r = (struct rlimit){0, 0};
		CHECK(pthread_create(&thread, 0, waits, 0) == 0 && setrlimit(RLIMIT_CPU, &r) == 0);
		turns(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return 0;
}
