// laplace: same
// signalfd in epoll, level and edge, among threads that send, and after a fork: who reads is given his own.
#include "check.h"
#include "epoll.h"
#include <sys/signalfd.h>

static int fd, ep;

static void next(const char *what)
{
	struct signalfd_siginfo s;
	CHECK(read(fd, &s, sizeof s) == sizeof s);
	printf("%s: %u\n", what, s.ssi_signo);
}

static void *sends(void *arg)
{
	usleep(40000);
	kill(getpid(), SIGUSR1);
	usleep(40000);
	pthread_kill(*(pthread_t *)arg, SIGUSR2);
	return NULL;
}

static void *waits(void *arg)
{
	sigset_t set;
	int sig;
	siginfo_t info;
	struct timespec t = {.tv_sec = 10};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGTERM);
	CHECK(sigtimedwait(&set, &info, &t) == SIGTERM && info.si_code == SI_QUEUE && info.si_value.sival_int == 5);
	t = (struct timespec){.tv_nsec = 20000000};
	CHECK_ERR(sigtimedwait(&set, &info, &t), EAGAIN);
	return arg;
}

int main(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	sigdelset(&set, SIGTERM);
	CHECK((fd = signalfd(-1, &set, 0)) >= 0);
	ep = epoll_create1(0);
	CHECK(watch(ep, fd, EPOLLIN, 1) == 0);
	ready(ep, 8, 0, "nothing");
	raise(SIGUSR1);
	ready(ep, 8, 0, "level");
	ready(ep, 8, 0, "again");
	next("read");
	ready(ep, 8, 0, "read");

	CHECK(change(ep, fd, EPOLLIN | EPOLLET, 2) == 0);
	raise(SIGUSR1);
	ready(ep, 8, 0, "edge");
	ready(ep, 8, 0, "told");
	next("read");
	raise(SIGUSR2);
	ready(ep, 8, 0, "the next edge");
	next("read");
	ready(ep, 8, 0, "none");

	/* Threads. */
	pthread_t t, self = pthread_self();
	CHECK(pthread_create(&t, NULL, sends, &self) == 0);
	ready(ep, 8, -1, "for the process");
	next("it");
	next("for the thread");
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(pthread_create(&t, NULL, waits, NULL) == 0);
	usleep(40000);
	kill(getpid(), SIGTERM);
	usleep(40000);
	sigqueue(getpid(), SIGTERM, (union sigval){.sival_int = 5});
	CHECK(pthread_join(t, NULL) == 0);

	/* A child reads what is pending for itself. */
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		next("a child's own");
		fflush(stdout);
		_exit(0);
	}
	usleep(40000);
	kill(pid, SIGUSR1);
	CHECK(waitpid(pid, NULL, 0) == pid);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	CHECK(poll(&p, 1, 0) == 0);

	/* From another process, while epoll waits and has waited. */
	pid_t parent = getpid();
	fflush(stdout);
	if ((pid = fork()) == 0) {
		usleep(80000);
		kill(parent, SIGUSR2);
		usleep(80000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	ready(ep, 8, -1, "another's");
	next("first");
	ready(ep, 8, -1, "another's");
	next("second");
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
