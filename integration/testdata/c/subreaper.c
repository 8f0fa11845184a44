// laplace: same
// Orphans come to the nearest of their forebears that has asked for them, dead or alive, who is told by SIGCHLD and may wait for them.
#include "check.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int told;

static void chld(int sig) { told += sig == SIGCHLD; }

/* ends is the exit status of the next child that ends; -1 if there is none. */
static int ends(void)
{
	int status;
	pid_t pid;
	do
		pid = wait(&status);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* leaves forks a child that leaves an orphan, whose status is n. go holds the orphan back until its parent is dead. */
static void leaves(int n, int go[2], void (*last)(void))
{
	if (fork() == 0) {
		if (fork() == 0) {
			char c;
			close(go[1]);
			CHECK(read(go[0], &c, 1) >= 0);
			printf("%d: the parent is %s\n", n, getppid() == getpgrp() ? "the subreaper" : getppid() == 1 ? "init" : "another one");
			_exit(n);
		}
		last();
		_exit(n + 100);
	}
}

static void none(void) {}
static void killed(void) { raise(SIGKILL); }

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	setpgid(0, 0);
	int go[2], on = -1;
	CHECK(pipe(go) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0) == 0 && on == 1);

	puts("one that exits, one that is killed");
	leaves(1, go, none);
	printf("%d\n", ends());
	CHECK(write(go[1], "", 1) == 1);
	printf("%d\n", ends());
	leaves(2, go, killed);
	printf("%d\n", ends());
	CHECK(write(go[1], "", 1) == 1);
	printf("%d\n", ends());
	printf("%d\n", ends());

	puts("one that is dead already");
	if (fork() == 0) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(3);
		siginfo_t info;
		CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
		_exit(103);
	}
	int a = ends(), b = ends();
	printf("%d %d\n", a < b ? a : b, a < b ? b : a);
	printf("%d\n", ends());

	puts("a subreaper below");
	if (fork() == 0) {
		CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0) == 0 && on == 0); /* not inherited */
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
		setpgid(0, 0);
		leaves(4, go, none);
		printf("%d\n", ends());
		CHECK(write(go[1], "", 1) == 1);
		printf("%d\n", ends());
		printf("%d\n", ends());
		_exit(5);
	}
	printf("%d\n", ends());
	printf("%d\n", ends());

	puts("told by SIGCHLD");
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGCHLD, chld);
	leaves(6, go, none);
	while (told < 1)
		sigsuspend(&old);
	printf("%d\n", ends());
	CHECK(write(go[1], "", 1) == 1);
	while (told < 2)
		sigsuspend(&old);
	printf("%d\n", ends());
	printf("%d, told %d times\n", ends(), told);
	return 0;
}
