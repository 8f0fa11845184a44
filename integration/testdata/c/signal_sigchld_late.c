// laplace: pinned
// SIGCHLD of a child that ends while its parent computes, before the parent catches it: a race natively. In a box the child
// ends after that.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t caught;
static void on_child(int sig) { (void)sig; caught++; }

static void child(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 100; i++)
			close(open("/dev/null", O_RDONLY));
		_exit(3);
	}
	for (volatile long i = 0; i < 20000000; i++)
		;
}

int main(void)
{
	sigset_t chld, pending;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &chld, NULL) == 0);
	child();
	CHECK(sigpending(&pending) == 0);
	printf("pending: %d\n", sigismember(&pending, SIGCHLD));
	int n = 0;
	for (struct timespec none = {0}; sigtimedwait(&chld, NULL, &none) < 0 && n < 10000; n++)
		;
	printf("asked for %d times\n", n);
	CHECK(wait(NULL) > 0);

	pid_t pid = fork(); /* another process, which has not waited for SIGCHLD yet */
	CHECK(pid >= 0);
	if (pid == 0) {
		execl("/proc/self/exe", "prog", "again", NULL);
		_exit(1);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	return 0;
}

__attribute__((constructor)) static void again(int argc, char **argv)
{
	if (argc < 2)
		return;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	pid_t pid = fork(); /* ends before that */
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0);
	for (int i = 0; i < 50; i++)
		close(open("/dev/null", O_RDONLY));
	signal(SIGCHLD, on_child);
	printf("caught: %d\n", caught);
	signal(SIGCHLD, SIG_DFL);

	child();
	signal(SIGCHLD, on_child);
	for (int i = 0; i < 100 && !caught; i++)
		usleep(1000);
	printf("caught: %d\n", caught);
	fflush(stdout);
	_exit(0);
}
