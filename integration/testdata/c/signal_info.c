// laplace: same
// What a handler is told of its signal's origin: kill, raise, sigqueue, another process, a child's end and stop, a timer.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static siginfo_t info;
static pid_t self, child;

static void handler(int sig, siginfo_t *i, void *context) { info = *i; }

static void show(const char *what)
{
	const char *from = info.si_pid == self ? "itself" : info.si_pid == child ? "the child" : info.si_pid == 0 ? "nobody" : "another";
	printf("%s: code %d from %s, user %s", what, info.si_code, from, info.si_uid == getuid() ? "the same" : "another");
	if (info.si_signo == SIGCHLD)
		printf(", status %d", info.si_status);
	if (info.si_code == SI_QUEUE)
		printf(", value %d", info.si_value.sival_int);
	puts("");
	fflush(stdout);
	memset(&info, 0, sizeof info);
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	self = getpid();
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0 && sigaction(SIGCHLD, &act, NULL) == 0 && sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(kill(self, SIGUSR1) == 0);
	show("kill");
	CHECK(raise(SIGUSR1) == 0);
	show("raise");
	CHECK(syscall(SYS_tkill, self, SIGUSR1) == 0);
	show("tkill");
	CHECK(sigqueue(self, SIGUSR1, (union sigval){.sival_int = 5}) == 0);
	show("sigqueue");

	sigset_t set, later;
	sigemptyset(&later);
	sigaddset(&later, SIGCHLD);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD), sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int how = 0; how < 5; how++) {
		child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			if (how == 0)
				kill(self, SIGUSR1);
			if (how == 1)
				sigqueue(self, SIGUSR1, (union sigval){.sival_int = 6});
			if (how == 2)
				syscall(SYS_tgkill, self, self, SIGUSR1);
			if (how == 4)
				kill(getpid(), SIGTERM);
			_exit(how);
		}
		if (how < 3)
			CHECK_ERR(sigsuspend(&later), EINTR);
		int s;
		CHECK(waitpid(child, &s, 0) == child);
		if (how < 3) {
			show("a child");
			CHECK(sigwaitinfo(&set, NULL) == SIGCHLD);
		} else {
			CHECK(sigwaitinfo(&set, &info) == SIGCHLD);
			show("a child's end");
		}
	}
	struct itimerval v = {.it_value = {0, 10000}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK_ERR(pause(), EINTR);
	CHECK(info.si_code == SI_KERNEL && info.si_pid == 0 && info.si_uid == 0);
	puts("a timer");
	return 0;
}
