// laplace: same
// WUNTRACED and WCONTINUED: a stop and a continue are each told once, and only to who asks for them.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static void show(const char *what, int s)
{
	printf("%s: ", what);
	if (WIFSTOPPED(s))
		printf("stopped by %s\n", sigabbrev_np(WSTOPSIG(s)));
	else if (WIFCONTINUED(s))
		printf("continued\n");
	else if (WIFSIGNALED(s))
		printf("killed by %s\n", sigabbrev_np(WTERMSIG(s)));
	else
		printf("exited %d\n", WEXITSTATUS(s));
}

int main(void)
{
	setlinebuf(stdout);
	int gate[2], s, stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	char c;
	CHECK(pipe(gate) == 0);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* Its own group, with a parent in the same session: not orphaned, so that terminal stops work. */
		CHECK(setpgid(0, 0) == 0);
		for (int i = 0; i < 4; i++) {
			raise(stops[i]);
			CHECK(read(gate[0], &c, 1) == 1);
		}
		CHECK(read(gate[0], &c, 1) == 1);
		_exit(5);
	}
	for (int i = 0; i < 4; i++) {
		CHECK(waitpid(pid, &s, WUNTRACED) == pid);
		show("WUNTRACED", s);
		CHECK(waitpid(pid, &s, WUNTRACED | WCONTINUED | WNOHANG) == 0); /* told once */
		CHECK(kill(pid, SIGCONT) == 0);
		CHECK(waitpid(-1, &s, WCONTINUED) == pid);
		show("WCONTINUED", s);
		CHECK(waitpid(pid, &s, WUNTRACED | WCONTINUED | WNOHANG) == 0);
		CHECK(write(gate[1], "x", 1) == 1);
	}

	/* Stopped from outside, while it is blocked in read: the read goes on afterwards. */
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &s, WUNTRACED) == pid);
	show("from outside", s);
	/* A stopped child does not read. */
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitpid(pid, &s, WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &s, 0) == pid);
	show("then", s);

	/* A wait without WUNTRACED passes a stop over and goes on waiting: the helper continues the child. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(6);
	}
	siginfo_t si;
	CHECK(waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT) == 0);
	pid_t helper = fork();
	CHECK(helper >= 0);
	if (helper == 0) {
		usleep(20000);
		CHECK(kill(pid, SIGCONT) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &s, 0) == pid);
	show("without WUNTRACED", s);
	CHECK(waitpid(helper, &s, 0) == helper && s == 0);

	/* Only SIGKILL and SIGCONT wake a stopped process; SIGTERM stays pending until it goes on. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(7);
	}
	CHECK(waitpid(pid, &s, WUNTRACED) == pid);
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &s, WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &s, 0) == pid);
	show("pending SIGTERM", s);

	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(8);
	}
	CHECK(waitpid(pid, &s, WUNTRACED) == pid);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &s, 0) == pid);
	show("SIGKILL", s);
	return 0;
}
