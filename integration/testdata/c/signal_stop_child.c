// laplace: same
// SIGSTOP and SIGCONT of a child that works: it makes no progress while it is stopped, and loses nothing.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t continued, stop_asked;
static int up[2], down[2];

static void on_cont(int sig) { continued++; }
static void on_tstp(int sig)
{
	stop_asked++;
	(void)!write(up[1], "t", 1);
}

int main(void)
{
	setlinebuf(stdout);
	int data[2], s;
	CHECK(pipe(data) == 0);

	/* The child writes an endless sequence; the parent stops it, drains the pipe, and finds it empty for good. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(data[0]);
		for (unsigned i = 0;; i++)
			if (write(data[1], &i, sizeof i) != sizeof i)
				_exit(255);
	}
	unsigned expect = 0, v;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++, expect++)
			CHECK(read(data[0], &v, sizeof v) == sizeof v && v == expect);
		CHECK(kill(pid, SIGSTOP) == 0);
		CHECK(waitpid(pid, &s, WUNTRACED) == pid && WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP);
		CHECK(waitpid(pid, &s, WNOHANG | WUNTRACED) == 0);
		CHECK(kill(pid, SIGCONT) == 0);
		CHECK(waitpid(pid, &s, WCONTINUED) == pid && WIFCONTINUED(s));
	}
	printf("sequence unbroken after %d stops\n", 5);
	CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &s, WUNTRACED) == pid);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &s, 0) == pid);
	printf("killed while stopped: signal %d\n", WTERMSIG(s));
	close(data[0]);
	close(data[1]);

	/* Handlers: SIGCONT runs one besides continuing, SIGTSTP may be caught and then does not stop. */
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		struct sigaction sa = {.sa_handler = on_cont, .sa_flags = SA_RESTART};
		CHECK(sigaction(SIGCONT, &sa, NULL) == 0);
		sa.sa_handler = on_tstp;
		CHECK(sigaction(SIGTSTP, &sa, NULL) == 0);
		CHECK(write(up[1], "r", 1) == 1);
		CHECK(read(down[0], &c, 1) == 1);
		_exit(10 * continued + stop_asked);
	}
	char c;
	CHECK(read(up[0], &c, 1) == 1);
	CHECK(kill(pid, SIGTSTP) == 0);
	CHECK(read(up[0], &c, 1) == 1); /* taken: else SIGCONT would throw it away */
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &s, WUNTRACED) == pid && WSTOPSIG(s) == SIGSTOP);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &s, WCONTINUED) == pid && WIFCONTINUED(s));
	CHECK(kill(pid, SIGCONT) == 0); /* not stopped: the handler alone */
	CHECK(write(down[1], "x", 1) == 1);
	CHECK(waitpid(pid, &s, 0) == pid);
	/* The two SIGCONT merge if the second comes before the first was taken. */
	int code = WEXITSTATUS(s);
	CHECK(code == 11 || code == 21);
	printf("handlers ran\n");

	/* A process that stops itself, as shells do for suspend. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			kill(getpid(), SIGSTOP);
			printf("went on %d\n", i);
		}
		exit(12);
	}
	for (int i = 0; i < 3; i++) {
		CHECK(waitpid(pid, &s, WUNTRACED) == pid && WIFSTOPPED(s));
		printf("stopped itself\n");
		CHECK(kill(pid, SIGCONT) == 0);
	}
	CHECK(waitpid(pid, &s, WUNTRACED) == pid);
	printf("exited %d\n", WEXITSTATUS(s));
	return 0;
}
