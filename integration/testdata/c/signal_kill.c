// laplace: same
// kill: itself, a child, a group, its own group; what the handler is told; errors.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs, last, code;
static volatile pid_t from;
static volatile uid_t from_uid;

static void handler(int sig, siginfo_t *si, void *ctx)
{
	runs++;
	last = sig;
	code = si->si_code;
	from = si->si_pid;
	from_uid = si->si_uid;
}

int main(void)
{
	setlinebuf(stdout);
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && sigaction(SIGUSR2, &sa, NULL) == 0);

	/* To itself: delivered before kill returns. */
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(runs == 1 && last == SIGUSR1 && code == SI_USER && from == getpid() && from_uid == getuid());
	printf("itself\n");

	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(0x3fffffff, SIGUSR1), ESRCH);
	CHECK_ERR(kill(-0x3fffffff, SIGUSR1), ESRCH);
	CHECK(kill(getpid(), 0) == 0 && runs == 1);
	printf("errors as documented\n");

	/* To a child that blocks in pause. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		for (;;)
			pause();
	}
	int s;
	CHECK(waitpid(pid, &s, WNOHANG) == 0);
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("child: signal %d\n", WTERMSIG(s));
	CHECK_ERR(kill(pid, SIGTERM), ESRCH);

	/* A group of three, all blocked in reading an empty pipe: none survives. */
	int p[2];
	CHECK(pipe(p) == 0);
	pid_t leader = 0;
	for (int i = 0; i < 3; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char c;
			setpgid(0, leader);
			_exit(read(p[0], &c, 1));
		}
		if (!leader)
			leader = pid;
		CHECK(setpgid(pid, leader) == 0);
	}
	CHECK(kill(-leader, 0) == 0);
	CHECK(kill(-leader, SIGKILL) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(waitpid(-leader, &s, 0) > 0);
		printf("group: signal %d\n", WTERMSIG(s));
	}
	CHECK_ERR(kill(-leader, SIGKILL), ESRCH);

	/* kill(0) reaches the whole group, the sender included. In a group of its own, to spare the caller's. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setpgid(0, 0) == 0);
		runs = 0;
		int ready[2];
		CHECK(pipe(ready) == 0);
		pid_t kids[2];
		for (int i = 0; i < 2; i++) {
			kids[i] = fork();
			CHECK(kids[i] >= 0);
			if (kids[i] == 0) {
				sigset_t block, old;
				sigemptyset(&block);
				sigaddset(&block, SIGUSR2);
				sigprocmask(SIG_BLOCK, &block, &old);
				CHECK(write(ready[1], "r", 1) == 1);
				while (!runs)
					sigsuspend(&old);
				_exit(last == SIGUSR2 && from == getppid() ? 50 + i : 255);
			}
		}
		char c;
		CHECK(read(ready[0], &c, 1) == 1 && read(ready[0], &c, 1) == 1);
		CHECK(kill(0, SIGUSR2) == 0);
		CHECK(runs == 1 && last == SIGUSR2);
		for (int i = 0; i < 2; i++) {
			CHECK(waitpid(kids[i], &s, 0) == kids[i]);
			printf("kill 0: exited %d\n", WEXITSTATUS(s));
		}
		CHECK(kill(0, SIGTERM) == 0);
		_exit(255);
	}
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("kill 0, oneself: signal %d\n", WTERMSIG(s));
	CHECK(runs == 1);
	return 0;
}
