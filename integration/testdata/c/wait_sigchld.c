// laplace: same
// SIGCHLD: the handler's siginfo, reaping in the handler, SA_NOCLDSTOP, SA_NOCLDWAIT and SIG_IGN.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t reaped, sum, stops, code, status_seen;
static volatile pid_t pid_seen;

static void reap(int sig, siginfo_t *si, void *ctx)
{
	int e = errno, status;
	code = si->si_code;
	status_seen = si->si_status;
	pid_seen = si->si_pid;
	if (si->si_code == CLD_STOPPED || si->si_code == CLD_CONTINUED)
		stops++;
	while (waitpid(-1, &status, WNOHANG) > 0) {
		reaped++;
		sum += WEXITSTATUS(status);
	}
	errno = e;
}

static void handle(void (*f)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
}

static pid_t child(int ms, int exit_code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(ms * 1000);
		_exit(exit_code);
	}
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	sigset_t chld, old;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);

	/* One child: what the handler is told. */
	handle(reap, 0);
	CHECK(sigprocmask(SIG_BLOCK, &chld, &old) == 0);
	pid_t pid = child(1, 17);
	while (!reaped)
		sigsuspend(&old);
	CHECK(pid_seen == pid && code == CLD_EXITED && status_seen == 17);
	printf("handler: exited %d\n", (int)sum);

	/* Twenty children: their signals may merge, none of them may be lost. */
	reaped = sum = 0;
	for (int i = 0; i < 20; i++)
		child(i % 4, i);
	while (reaped < 20)
		sigsuspend(&old);
	printf("twenty: sum %d\n", (int)sum);
	CHECK_ERR(wait(NULL), ECHILD);

	/* Stops are told unless SA_NOCLDSTOP. */
	for (int flags = 0; flags <= SA_NOCLDSTOP; flags += SA_NOCLDSTOP) {
		handle(reap, flags);
		/* What is still pending of earlier children goes first: the stop's signal would merge with it. */
		CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
		CHECK(sigprocmask(SIG_BLOCK, &chld, NULL) == 0);
		reaped = sum = stops = 0;
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			raise(SIGSTOP);
			_exit(3);
		}
		siginfo_t si;
		CHECK(waitid(P_PID, pid, &si, WSTOPPED) == 0);
		while (!flags && !stops)
			sigsuspend(&old); /* the stop's signal is pending, or about to be */
		int told = stops;
		CHECK(kill(pid, SIGCONT) == 0);
		while (!reaped)
			sigsuspend(&old);
		printf("%s: told of the stop %d\n", flags ? "SA_NOCLDSTOP" : "plain", told);
	}

	/* Ignored: children leave no zombie, and wait blocks until the last is gone. */
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	for (int i = 0; i < 3; i++)
		child(5 * i, i);
	CHECK_ERR(wait(NULL), ECHILD);
	printf("SIG_IGN\n");
	pid = child(5, 0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
	while (kill(pid, 0) == 0) /* wait may know a moment earlier */
		usleep(1000);
	CHECK_ERR(kill(pid, 0), ESRCH);
	printf("SIG_IGN by name\n");

	/* SA_NOCLDWAIT with a handler: no zombie; Linux sends the signal all the same. */
	reaped = 0;
	code = 0;
	handle(reap, SA_NOCLDWAIT);
	for (int i = 0; i < 3; i++)
		child(i, i);
	while (wait(NULL) != -1 || errno != ECHILD)
		if (errno != EINTR)
			FAIL("wait");
	printf("SA_NOCLDWAIT: reaped %d, signalled %d\n", (int)reaped, code == CLD_EXITED);
	/* The default disposition, which ignores the signal too, keeps zombies. */
	CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	pid = child(0, 44);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("SIG_DFL: exited %d\n", WEXITSTATUS(status));
	return 0;
}
