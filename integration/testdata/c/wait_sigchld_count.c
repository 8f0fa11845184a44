// laplace: pinned
// SIGCHLD of many children: how often the handler runs, where it interrupts, and how many it finds each time is a race
// natively, since signals of one number are merged. In a box they are numbers.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs, reaped, most;
static volatile sig_atomic_t order[64];

static void count(int sig) { runs++; }

static void reap(int sig)
{
	int s, saved = errno, now = 0;
	runs++;
	while (waitpid(-1, &s, WNOHANG) > 0) {
		order[reaped++] = WEXITSTATUS(s);
		now++;
	}
	if (now > most)
		most = now;
	errno = saved;
}

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

static void start(int n, int calls)
{
	for (int i = 1; i <= n; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			work(calls * (i * 5 % n));
			_exit(i);
		}
	}
}

static void show(const char *name)
{
	printf("%s: %d runs, at most %d at once:", name, (int)runs, (int)most);
	for (int i = 0; i < reaped; i++)
		printf(" %d", (int)order[i]);
	printf("\n");
	runs = reaped = most = 0;
}

int main(void)
{
	setlinebuf(stdout);
	int s, p[2];
	struct sigaction sa = {.sa_handler = count};

	/* Counted only, without SA_RESTART: waits are interrupted. */
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
	start(8, 30);
	int found = 0, interrupted = 0;
	while (found < 8) {
		pid_t pid = wait(&s);
		if (pid > 0) {
			order[reaped++] = WEXITSTATUS(s);
			found++;
		} else {
			if (errno != EINTR)
				FAIL("want EINTR");
			interrupted++;
		}
	}
	CHECK(runs >= 1 && runs <= 8);
	printf("%d waits interrupted; ", interrupted);
	show("counted");

	/* With SA_RESTART, reaped in the handler, while the parent reads what the children write. */
	sa.sa_handler = reap;
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
	CHECK(pipe(p) == 0);
	for (int i = 1; i <= 10; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			work(40 * (i % 4));
			CHECK(write(p[1], &(char){'a' + i}, 1) == 1);
			_exit(i);
		}
	}
	close(p[1]);
	char c;
	ssize_t n;
	while ((n = read(p[0], &c, 1)) > 0)
		printf("%c(%d) ", c, (int)reaped);
	CHECK(n == 0);
	close(p[0]);
	while (reaped < 10)
		usleep(1000);
	CHECK_ERR(wait(&s), ECHILD);
	show("restarted");

	/* Blocked while they end: one run finds all. */
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(pipe(p) == 0);
	start(6, 10);
	close(p[1]);
	CHECK(read(p[0], &c, 1) == 0); /* all have ended, or are about to */
	for (int i = 0; i < 6; i++) {
		siginfo_t info;
		CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
		if (i == 0)
			printf("first %d; ", info.si_status);
	}
	usleep(5000);
	CHECK(runs == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	while (reaped < 6)
		usleep(1000);
	show("blocked");

	/* sigsuspend, one after the other. */
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	start(7, 50);
	int suspends = 0;
	while (reaped < 7) {
		CHECK(sigsuspend(&old) == -1 && errno == EINTR);
		suspends++;
	}
	CHECK(runs == suspends);
	show("suspended");

	/* sigtimedwait: taken without a handler. */
	siginfo_t info;
	start(5, 60);
	int taken = 0, timeouts = 0;
	for (int left = 5; left > 0;) {
		struct timespec ts = {0, 1000000};
		if (sigtimedwait(&set, &info, &ts) == SIGCHLD) {
			taken++;
			while (waitpid(-1, &s, WNOHANG) > 0) {
				order[reaped++] = WEXITSTATUS(s);
				left--;
			}
		} else {
			if (errno != EAGAIN)
				FAIL("want EAGAIN");
			timeouts++;
		}
	}
	printf("%d taken, %d timeouts; ", taken, timeouts);
	show("waited for");
	return 0;
}
