// laplace: same
// What a timer does to calls that wait: reads and waits fail with EINTR, or go on with SA_RESTART; poll, select and epoll
// always fail.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static int fds[2];
static volatile sig_atomic_t runs, write_in_handler;

static void handler(int sig)
{
	runs++;
	if (write_in_handler)
		write(fds[1], "x", 1);
}

static void soon(int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval v = {.it_value = {0, 60000}};
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

int main(void)
{
	char c;
	CHECK(pipe(fds) == 0);
	soon(0);
	CHECK_ERR(read(fds[0], &c, 1), EINTR);
	write_in_handler = 1;
	soon(SA_RESTART);
	CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
	write_in_handler = 0;

	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev) == 0);
	sigset_t none;
	sigemptyset(&none);
	for (int flags = 0;; flags = SA_RESTART) {
		fd_set set;
		struct timeval tv = {20, 0};
		struct timespec ts = {20, 0};
		soon(flags);
		CHECK_ERR(poll(&p, 1, 20000), EINTR);
		soon(flags);
		CHECK_ERR(poll(NULL, 0, -1), EINTR);
		soon(flags);
		CHECK_ERR(ppoll(&p, 1, &ts, &none), EINTR);
		FD_ZERO(&set);
		FD_SET(fds[0], &set);
		soon(flags);
		CHECK_ERR(select(fds[0] + 1, &set, NULL, NULL, &tv), EINTR);
		CHECK(tv.tv_sec >= 10 && tv.tv_sec < 20);
		soon(flags);
		CHECK_ERR(pselect(fds[0] + 1, &set, NULL, NULL, &ts, &none), EINTR);
		soon(flags);
		CHECK_ERR(epoll_wait(ep, &ev, 1, 20000), EINTR);
		soon(flags);
		CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
		if (flags)
			break;
	}

	int gate[2];
	CHECK(pipe(gate) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(gate[1]);
		read(gate[0], &c, 1);
		_exit(9);
	}
	int s;
	soon(0);
	CHECK_ERR(waitpid(pid, &s, 0), EINTR);
	close(gate[1]);
	while (waitpid(pid, &s, 0) != pid)
		;
	CHECK(WEXITSTATUS(s) == 9);
	printf("%d signals\n", (int)runs);
	return 0;
}
