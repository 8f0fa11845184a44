// laplace: same
// Signals and poll: the self-pipe trick, and masks that ppoll and pselect open atomically, with SIGCHLD.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

static int self_pipe[2];
static volatile sig_atomic_t chld;

static void to_pipe(int sig)
{
	int e = errno;
	(void)!write(self_pipe[1], "s", 1);
	errno = e;
}
static void count(int sig) { chld++; }

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

int main(void)
{
	setlinebuf(stdout);
	int s;
	char c;
	CHECK(pipe2(self_pipe, O_NONBLOCK | O_CLOEXEC) == 0);
	struct sigaction sa = {.sa_handler = to_pipe, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);

	int sum = 0, left = 6;
	for (int i = 0; i < left; i++)
		child(i % 3 * 3, 1 << i);
	while (left) {
		struct pollfd f = {.fd = self_pipe[0], .events = POLLIN};
		int n = poll(&f, 1, -1);
		if (n < 0 && errno != EINTR)
			FAIL("poll");
		while (read(self_pipe[0], &c, 1) == 1)
			;
		while (waitpid(-1, &s, WNOHANG) > 0) {
			sum += WEXITSTATUS(s);
			left--;
		}
	}
	printf("self-pipe: sum %d\n", sum);

	/* Blocked outside, open inside: the signal is never lost between test and wait. */
	sa.sa_handler = count;
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
	sigset_t block, old, now;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
	for (int how = 0; how < 2; how++)
		for (int ms = 0; ms <= 5; ms += 5) {
			chld = 0;
			pid_t pid = child(ms, 40 + how);
			siginfo_t si;
			if (ms == 0) /* dead, and its signal pending, before we look */
				CHECK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0);
			CHECK(chld == 0);
			struct timespec minute = {60, 0};
			if (how)
				CHECK_ERR(ppoll(NULL, 0, &minute, &old), EINTR);
			else
				CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &old), EINTR);
			CHECK(chld == 1);
			CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGCHLD));
			CHECK(waitpid(pid, &s, 0) == pid);
			printf("%s, child sleeps %d: exited %d\n", how ? "ppoll" : "pselect", ms, WEXITSTATUS(s));
		}

	/* A ready descriptor wins over a pending signal that the mask lets in. */
	int p[2];
	CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
	chld = 0;
	CHECK(raise(SIGCHLD) == 0);
	struct pollfd f = {.fd = p[0], .events = POLLIN};
	int n = ppoll(&f, 1, NULL, &old);
	printf("ready: %d, handled %d\n", n, (int)chld);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	printf("handled %d\n", (int)chld);
	return 0;
}
