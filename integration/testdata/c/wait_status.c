// laplace: same
// Exit statuses and deaths by signals as wait tells them, down to the raw bits.
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int run(int code, int sig)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		if (sig) {
			signal(sig, SIG_DFL);
			kill(getpid(), sig);
			FAIL("signal %d did not kill", sig);
		}
		_exit(code);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int main(void)
{
	setlinebuf(stdout);
	int codes[] = {0, 1, 2, 42, 126, 127, 128, 129, 137, 254, 255, 256, 257, -1, 0x12345};
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		int s = run(codes[i], 0);
		CHECK(WIFEXITED(s) && !WIFSIGNALED(s) && !WIFSTOPPED(s) && !WIFCONTINUED(s));
		printf("_exit(%d): status %04x, code %d\n", codes[i], s, WEXITSTATUS(s));
	}
	int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, SIGRTMIN, SIGRTMAX};
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		int s = run(0, signals[i]);
		CHECK(WIFSIGNALED(s) && !WIFEXITED(s) && !WIFSTOPPED(s) && !WIFCONTINUED(s));
		/* Whether a core was written is a matter of the host, but never in a box. */
		CHECK(!boxed() || !WCOREDUMP(s));
		printf("signal %d: status %04x, signal %d\n", signals[i], s & ~0x80, WTERMSIG(s));
	}
	return 0;
}
