// laplace: same
// abort: with the default action, a handler that returns, a handler that jumps away, ignored, blocked; assert.
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static sigjmp_buf back;
static void returns(int sig) { (void)!write(1, "handler\n", 8); }
static void jumps(int sig) { siglongjmp(back, sig); }

int main(void)
{
	setlinebuf(stdout);
	for (int how = 0; how < 5; how++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			struct rlimit none = {0, 0};
			setrlimit(RLIMIT_CORE, &none);
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGABRT);
			switch (how) {
			case 0: signal(SIGABRT, SIG_DFL); break;
			case 1: signal(SIGABRT, returns); break;
			case 2: signal(SIGABRT, jumps); break;
			case 3: signal(SIGABRT, SIG_IGN); break;
			case 4: sigprocmask(SIG_BLOCK, &set, NULL); break;
			}
			if (sigsetjmp(back, 1) == 0)
				abort();
			_exit(20);
		}
		int s;
		CHECK(waitpid(pid, &s, 0) == pid);
		if (WIFSIGNALED(s))
			printf("%d: signal %d\n", how, WTERMSIG(s));
		else
			printf("%d: exited %d\n", how, WEXITSTATUS(s));
	}
	return 0;
}
