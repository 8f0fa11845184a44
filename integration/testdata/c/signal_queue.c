// laplace: same
// sigqueue: values, the order of real-time signals, who sent them; an ordinary signal is pending once; queued to oneself, from a child, to a thread.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs;
static char seen[4096];
static pid_t parent, child;

static void handler(int sig, siginfo_t *info, void *context)
{
	char line[100];
	snprintf(line, sizeof line, "signal %d, code %d, value %d, from %s, user %s\n", sig < SIGRTMIN ? sig : sig - SIGRTMIN + 100, info->si_code,
		 info->si_code == SI_QUEUE ? info->si_value.sival_int : 0,
		 info->si_pid == parent ? "parent" : info->si_pid == child ? "child" : "other", info->si_uid == getuid() ? "same" : "other");
	strcat(seen, line);
	runs++;
}

static void *thread(void *arg)
{
	sigset_t *set = arg;
	siginfo_t info;
	for (int i = 0; i < 3; i++) {
		CHECK(sigwaitinfo(set, &info) == SIGRTMIN + 9);
		printf("thread: %d\n", info.si_value.sival_int);
	}
	return NULL;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigset_t set, old;
	sigfillset(&act.sa_mask);
	sigemptyset(&set);
	parent = getpid();
	for (int i = 0; i < 4; i++) {
		CHECK(sigaction(SIGRTMIN + i, &act, NULL) == 0);
		sigaddset(&set, SIGRTMIN + i);
	}
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	// To itself.
	for (int i = 0; i < 9; i++)
		CHECK(sigqueue(getpid(), i == 8 ? SIGUSR1 : SIGRTMIN + (7 * i) % 3, (union sigval){.sival_int = i}) == 0);
	CHECK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 99}) == 0);
	CHECK(kill(getpid(), SIGRTMIN + 3) == 0 && raise(SIGRTMIN + 3) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	printf("%d\n%s", (int)runs, seen);
	fflush(stdout);

	// From a child, mixed with its own.
	seen[0] = runs = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1}) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 6; i++)
			CHECK(sigqueue(parent, SIGRTMIN + 2 - i % 3, (union sigval){.sival_int = 10 + i}) == 0);
		CHECK(kill(parent, SIGRTMIN + 1) == 0 && kill(parent, SIGUSR1) == 0 && kill(parent, SIGUSR1) == 0);
		_exit(0);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 2}) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	printf("%d\n%s", (int)runs, seen);

	// To a thread, and what nobody may say.
	siginfo_t info = {.si_signo = SIGRTMIN + 9, .si_code = SI_QUEUE};
	pthread_t t;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 9);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(pthread_create(&t, NULL, thread, &set) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_sigqueue(t, SIGRTMIN + 9, (union sigval){.sival_int = i}) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	info.si_code = SI_USER;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGRTMIN + 9, &info), EPERM);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, 0x3fffff, SIGRTMIN + 9, &(siginfo_t){.si_code = SI_QUEUE}), ESRCH);
	CHECK_ERR(sigqueue(getpid(), 65, (union sigval){0}), EINVAL);
	CHECK(sigqueue(getpid(), 0, (union sigval){0}) == 0);
	return 0;
}
