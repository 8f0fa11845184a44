// laplace: same
// Signals to a process with threads, from another: a handler runs once; it is stopped and goes on, and ended, as a whole.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int fds[2], back[2];
static volatile sig_atomic_t caught;

static void handler(int sig) { (void)sig; caught++; }

static void *works(void *arg)
{
	char c;
	while (read(fds[0], &c, 1) == 1)
		CHECK(write(back[1], &c, 1) == 1);
	return arg;
}

static void child(void)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t t;
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	close(fds[1]);
	CHECK(pthread_create(&t, NULL, works, NULL) == 0);
	CHECK(write(back[1], "r", 1) == 1);
	while (caught == 0)
		usleep(1000);
	printf("caught %d\n", caught);
	fflush(stdout);
	CHECK(write(back[1], "c", 1) == 1);
	pthread_join(t, NULL);
}

int main(void)
{
	char c;
	int status;
	CHECK(pipe(fds) == 0 && pipe(back) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		child();
		_exit(0);
	}
	close(back[1]);
	CHECK(read(back[0], &c, 1) == 1 && c == 'r');
	CHECK(kill(pid, SIGUSR1) == 0);
	CHECK(read(back[0], &c, 1) == 1 && c == 'c');
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	CHECK(read(back[0], &c, 1) == 1 && c == 'x');
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("signaled %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	return 0;
}
