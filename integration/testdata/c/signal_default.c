// laplace: same
// The default action of every signal: terminate, stop or nothing.
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (sig > 31 && sig < SIGRTMIN)
			continue; /* glibc's own */
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			struct rlimit none = {0, 0};
			setrlimit(RLIMIT_CORE, &none);
			if (sig != SIGKILL && sig != SIGSTOP)
				CHECK(signal(sig, SIG_DFL) != SIG_ERR);
			CHECK(setpgid(0, 0) == 0); /* not orphaned: terminal stops count */
			kill(getpid(), sig);
			_exit(0);
		}
		int s;
		CHECK(waitpid(pid, &s, WUNTRACED) == pid);
		printf("%d: ", sig);
		if (WIFSIGNALED(s)) {
			CHECK(WTERMSIG(s) == sig);
			printf("terminates\n");
		} else if (WIFSTOPPED(s)) {
			CHECK(WSTOPSIG(s) == sig);
			CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &s, 0) == pid && s == 0);
			printf("stops\n");
		} else {
			CHECK(s == 0);
			printf("ignored\n");
		}
	}
	return 0;
}
