// laplace: same
// How long epoll waits: not at all, for a time, for ever; signals, and the mask for the time of the wait.
#include "check.h"
#include "epoll.h"
#include <sys/syscall.h>

static int ep, p[2];
static volatile sig_atomic_t caught;

static void handler(int sig) { caught = sig; }

static long took(long (*f)(void))
{
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(f() == 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

static long at_once(void) { struct epoll_event ev; return epoll_wait(ep, &ev, 1, 0); }
static long a_while(void) { struct epoll_event ev; return epoll_wait(ep, &ev, 1, 50); }

static long precisely(void)
{
	struct epoll_event ev;
	struct timespec t = {.tv_nsec = 50000000};
	long n = syscall(SYS_epoll_pwait2, ep, &ev, 1, &t, NULL, 0);
	CHECK(t.tv_nsec == 50000000); /* unlike ppoll it does not tell what is left */
	return n;
}

static void from_a_child(int ms, int sig, const char *text)
{
	pid_t parent = getpid();
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(ms * 1000);
		if (sig)
			kill(parent, sig);
		if (text)
			CHECK(write(p[1], text, 1) == 1);
		_exit(0);
	}
}

int main(void)
{
	struct epoll_event ev;
	char b[8];
	ep = epoll_create1(0);
	CHECK(pipe(p) == 0 && watch(ep, p[0], EPOLLIN, 1) == 0);
	CHECK(took(at_once) < 50);
	long ms = took(a_while);
	CHECK(ms >= 49 && ms < 1000);
	ms = took(precisely);
	CHECK(ms >= 49 && ms < 1000);

	from_a_child(20, 0, "a");
	ready(ep, 8, -1, "for ever");
	CHECK(wait(NULL) > 0 && read(p[0], b, 8) == 1);
	from_a_child(20, 0, "a");
	ready(ep, 8, 20000, "before the time is up");
	CHECK(wait(NULL) > 0 && read(p[0], b, 8) == 1);
	from_a_child(20, 0, "a");
	struct timespec t = {.tv_sec = 20};
	CHECK(syscall(SYS_epoll_pwait2, ep, &ev, 1, &t, NULL, 0) == 1);
	CHECK(wait(NULL) > 0 && read(p[0], b, 8) == 1);

	/* A handler ends it, SA_RESTART or not. */
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0 && sigaction(SIGUSR2, &act, NULL) == 0);
	from_a_child(20, SIGUSR1, NULL);
	CHECK_ERR(epoll_wait(ep, &ev, 1, 20000), EINTR);
	CHECK(caught == SIGUSR1 && wait(NULL) > 0);

	/* One that is blocked gets through while it waits, if the mask says so. */
	sigset_t usr2, none, now;
	sigemptyset(&none);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	CHECK(sigprocmask(SIG_BLOCK, &usr2, NULL) == 0);
	from_a_child(20, SIGUSR2, NULL);
	CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	CHECK(caught == SIGUSR2 && wait(NULL) > 0);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR2) == 1);
	caught = 0;
	from_a_child(20, SIGUSR2, NULL);
	CHECK(wait(NULL) > 0);
	CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	CHECK(caught == SIGUSR2);

	/* And one that is not is kept out. */
	caught = 0;
	from_a_child(10, SIGUSR1, "a");
	CHECK(sigaddset(&usr2, SIGUSR1) == 0 && epoll_pwait(ep, &ev, 1, -1, &usr2) == 1);
	CHECK(wait(NULL) > 0 && caught == SIGUSR1);
	return 0;
}
