// laplace: same
// How shells wait: dash blocks everything and calls sigsuspend until its handler has set a flag; bash waits in
// waitpid with a handler that reaps; others use pause or sigwaitinfo.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t got_chld, got_usr1;
static void on_chld(int sig) { got_chld = 1; }
static void on_usr1(int sig) { got_usr1++; }

static pid_t child(int ms, int code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (ms)
			usleep(ms * 1000);
		_exit(code);
	}
	return pid;
}

/* dash's waitproc: the mask is only open inside sigsuspend, so that no signal is lost between test and wait. */
static void dash_wait(void)
{
	sigset_t all, old;
	sigfillset(&all);
	int left = 4, status, sum = 0;
	for (int i = 0; i < left; i++)
		child(i % 2 ? 5 : 0, 1 << i);
	while (left) {
		got_chld = 0;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0) {
			sum += WEXITSTATUS(status);
			left--;
			continue;
		}
		CHECK(pid == 0);
		CHECK(sigprocmask(SIG_SETMASK, &all, &old) == 0);
		while (!got_chld)
			sigsuspend(&old);
		CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	}
	printf("dash: sum %d\n", sum);
}

int main(void)
{
	setlinebuf(stdout);
	struct sigaction sa = {.sa_handler = on_chld};
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
	sa.sa_handler = on_usr1;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sigset_t usr1, old;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);

	dash_wait();

	/* sigsuspend returns -1 and EINTR once the handler is through, and restores the mask. */
	CHECK(sigprocmask(SIG_BLOCK, &usr1, &old) == 0);
	raise(SIGUSR1);
	CHECK(got_usr1 == 0);
	CHECK_ERR(sigsuspend(&old), EINTR);
	CHECK(got_usr1 == 1);
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
	printf("sigsuspend\n");

	/* From another process. */
	signal(SIGCHLD, SIG_DFL);
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			/* Standard signals merge: one at a time. The parent answers. */
			CHECK(kill(self, SIGUSR1) == 0);
			sigset_t wait_for;
			sigemptyset(&wait_for);
			sigaddset(&wait_for, SIGUSR1);
			siginfo_t si;
			CHECK(sigwaitinfo(&wait_for, &si) == SIGUSR1 && si.si_pid == self && si.si_code == SI_USER);
		}
		_exit(8);
	}
	got_usr1 = 0;
	for (int i = 1; i <= 5; i++) {
		while (got_usr1 < i)
			sigsuspend(&old);
		CHECK(kill(pid, SIGUSR1) == 0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("ping-pong by signals: exited %d, received %d\n", WEXITSTATUS(status), (int)got_usr1);

	/* sigtimedwait: a signal that is pending, one that comes, none. */
	raise(SIGUSR1);
	siginfo_t si;
	struct timespec zero = {0, 0}, ten = {0, 10000000}, minute = {60, 0};
	CHECK(sigtimedwait(&usr1, &si, &zero) == SIGUSR1 && si.si_pid == self);
	CHECK_ERR(sigtimedwait(&usr1, &si, &zero), EAGAIN);
	CHECK_ERR(sigtimedwait(&usr1, &si, &ten), EAGAIN);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(kill(self, SIGUSR1) == 0);
		_exit(9);
	}
	CHECK(sigtimedwait(&usr1, &si, &minute) == SIGUSR1 && si.si_pid == pid);
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("sigtimedwait: exited %d\n", WEXITSTATUS(status));
	int sig;
	raise(SIGUSR1);
	CHECK(sigwait(&usr1, &sig) == 0 && sig == SIGUSR1);
	struct timespec invalid = {0, 1000000000};
	CHECK_ERR(sigtimedwait(&usr1, NULL, &invalid), EINVAL);

	/* pause has the race that sigsuspend avoids: repeat until it is over. */
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	int stop[2];
	CHECK(pipe(stop) == 0);
	got_usr1 = 0;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct pollfd p = {.fd = stop[0], .events = POLLIN};
		do
			CHECK(kill(self, SIGUSR1) == 0);
		while (poll(&p, 1, 5) == 0 && getppid() == self);
		_exit(10);
	}
	CHECK_ERR(pause(), EINTR);
	CHECK(got_usr1 > 0);
	while (write(stop[1], "x", 1) != 1)
		;
	while (waitpid(pid, &status, 0) < 0)
		;
	printf("pause: exited %d\n", WEXITSTATUS(status));
	return 0;
}
