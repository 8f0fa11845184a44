// laplace: same
// Stops: all threads of a process stop and go on, sleeps keep their ends, the parent is told once of each; SIGTSTP with a handler, blocked and ignored.
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t seen;
static void handler(int sig) { seen = sig; }

static void *sleeps(void *arg)
{
	struct timespec d = {0, 50000000};
	CHECK(nanosleep(&d, NULL) == 0);
	return NULL;
}

static void show(const char *what, pid_t pid, int options)
{
	int s;
	CHECK(waitpid(pid, &s, options) == pid);
	printf("%s: ", what);
	if (WIFSTOPPED(s))
		printf("stopped by %d\n", WSTOPSIG(s));
	else if (WIFCONTINUED(s))
		puts("continued");
	else if (WIFEXITED(s))
		printf("exit %d\n", WEXITSTATUS(s));
	else
		printf("signal %d\n", WTERMSIG(s));
	fflush(stdout);
}

static pid_t start(void (*f)(void))
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		f();
		_exit(0);
	}
	return pid;
}

static void threads(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, sleeps, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	_exit(7);
}

static void catches(void)
{
	CHECK(signal(SIGTSTP, handler) != SIG_ERR && signal(SIGCONT, handler) != SIG_ERR);
	CHECK(raise(SIGTSTP) == 0 && seen == SIGTSTP);
	CHECK(raise(SIGCONT) == 0 && seen == SIGCONT);
	CHECK(signal(SIGTSTP, SIG_IGN) != SIG_ERR);
	CHECK(raise(SIGTSTP) == 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTTIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(raise(SIGTTIN) == 0);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGTTIN) == 1);
	CHECK(kill(getpid(), SIGCONT) == 0); // takes stops back that are pending
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGTTIN) == 0);
	seen = 0;
	CHECK(kill(getpid(), SIGSTOP) == 0);
	CHECK(seen == SIGCONT);
	_exit(8);
}

static void timed(void)
{
	struct itimerval v = {.it_value = {0, 30000}};
	CHECK(signal(SIGALRM, handler) != SIG_ERR);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK_ERR(nanosleep(&(struct timespec){20, 0}, NULL), EINTR); // not by the stop
	CHECK(seen == SIGALRM);
	_exit(9);
}

int main(void)
{
	pid_t pid = start(threads);
	CHECK(kill(pid, SIGSTOP) == 0);
	show("threads", pid, WUNTRACED);
	CHECK(waitpid(pid, NULL, WUNTRACED | WNOHANG) == 0);
	CHECK(kill(pid, SIGCONT) == 0);
	show("threads", pid, WCONTINUED);
	show("threads", pid, 0);

	pid = start(catches);
	show("catches", pid, WUNTRACED);
	CHECK(kill(pid, SIGCONT) == 0);
	show("catches", pid, 0);

	pid = start(timed);
	CHECK(kill(pid, SIGSTOP) == 0);
	show("timed", pid, WUNTRACED);
	CHECK(kill(pid, SIGCONT) == 0);
	show("timed", pid, 0);

	pid = start(threads);
	CHECK(kill(pid, SIGSTOP) == 0);
	show("killed", pid, WUNTRACED);
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, NULL, WUNTRACED | WNOHANG) == 0); // it is stopped
	CHECK(kill(pid, SIGCONT) == 0);
	show("killed", pid, 0);
	return 0;
}
