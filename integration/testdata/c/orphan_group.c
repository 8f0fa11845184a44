// laplace: same
// A stopped process group that becomes orphaned is sent SIGHUP and SIGCONT: nobody could continue it any more.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t hups, conts;
static void on_hup(int sig) { hups++; }
static void on_cont(int sig) { conts++; }

int main(void)
{
	setlinebuf(stdout);
	int out[2], s;
	for (int caught = 0; caught < 2; caught++) {
		CHECK(pipe(out) == 0);
		pid_t leader = fork();
		CHECK(leader >= 0);
		if (leader == 0) {
			CHECK(setsid() == getpid()); /* a session of its own, so that no outsider counts as a guardian */
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				CHECK(setpgid(0, 0) == 0);
				if (caught) {
					signal(SIGHUP, on_hup);
					signal(SIGCONT, on_cont);
				}
				raise(SIGSTOP);
				/* Both signals are there by now. */
				dprintf(out[1], "went on: SIGHUP %d, SIGCONT %d\n", hups, conts);
				_exit(0);
			}
			CHECK(waitpid(pid, &s, WUNTRACED) == pid && WIFSTOPPED(s));
			_exit(0);
		}
		close(out[1]);
		CHECK(waitpid(leader, &s, 0) == leader && s == 0);
		char buf[64];
		ssize_t n, have = 0;
		while ((n = read(out[0], buf + have, sizeof buf - have)) > 0)
			have += n;
		printf("%s: %.*s\n", caught ? "caught" : "default", (int)have, buf);
		close(out[0]);
	}

	/* A terminal stop signal does nothing to a group that is orphaned already. */
	CHECK(pipe(out) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setsid() == getpid());
		raise(SIGTSTP);
		raise(SIGTTIN);
		raise(SIGTTOU);
		_exit(4);
	}
	CHECK(waitpid(pid, &s, WUNTRACED) == pid);
	CHECK(WIFEXITED(s));
	printf("orphaned: exited %d\n", WEXITSTATUS(s));
	return 0;
}
