// laplace: same
// Writing to a pipe without a reader: SIGPIPE by default, EPIPE when it is ignored, blocked or caught.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>

static volatile sig_atomic_t caught;
static void handler(int sig) { caught++; }

int main(void)
{
	setlinebuf(stdout);
	int p[2], s;
	CHECK(pipe(p) == 0 && close(p[0]) == 0);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		CHECK(write(p[1], "", 0) == 0); /* nothing written, nothing broken */
		(void)!write(p[1], "x", 1);
		_exit(1);
	}
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("default: signal %d\n", WTERMSIG(s));

	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	struct iovec v = {"x", 1};
	CHECK_ERR(writev(p[1], &v, 1), EPIPE);
	printf("ignored: EPIPE\n");

	struct sigaction sa = {.sa_handler = handler};
	CHECK(sigaction(SIGPIPE, &sa, NULL) == 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK(caught == 1);
	printf("caught: EPIPE\n");

	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK(caught == 1 && sigpending(&set) == 0 && sigismember(&set, SIGPIPE));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(caught == 2);
	printf("blocked: EPIPE\n");

	struct pollfd f = {.fd = p[1], .events = POLLOUT};
	CHECK(poll(&f, 1, 0) == 1 && f.revents & POLLERR);
	CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE); /* not EAGAIN */
	close(p[1]);
	printf("non-blocking: EPIPE\n");

	/* stdio keeps the error. */
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK(pipe(p) == 0 && close(p[0]) == 0);
	FILE *out = fdopen(p[1], "w");
	CHECK(out && fputs("text", out) >= 0);
	errno = 0;
	int r = fflush(out);
	printf("stdio: %d %s\n", r, errname(errno));

	/* An ignored SIGPIPE is inherited through exec: cat reports the error instead of dying. */
	for (int ignore = 0; ignore < 2; ignore++) {
		CHECK(pipe(p) == 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			signal(SIGPIPE, ignore ? SIG_IGN : SIG_DFL);
			dup2(p[1], 1);
			close(p[0]);
			close(p[1]);
			execl("/bin/sh", "sh", "-c", "exec 2>/dev/null; while :; do echo y || exit 3; done", NULL);
			_exit(127);
		}
		close(p[1]);
		char c;
		CHECK(read(p[0], &c, 1) == 1 && c == 'y');
		close(p[0]);
		CHECK(waitpid(pid, &s, 0) == pid);
		if (WIFSIGNALED(s))
			printf("shell: signal %d\n", WTERMSIG(s));
		else
			printf("shell: exited %d\n", WEXITSTATUS(s));
	}
	return 0;
}
