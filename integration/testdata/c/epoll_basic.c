// laplace: same
// epoll: level- and edge-triggered, once, changed, removed, closed, nested, with timeouts, among threads and processes.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

static int ep, fds[2];

static int add(int in, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	return epoll_ctl(in, EPOLL_CTL_ADD, fd, &ev);
}

static int change(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
}

/* waits prints what is ready. */
static void waits(const char *what, int in, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(in, ev, 8, ms);
	CHECK(n >= 0);
	printf("%s:", what);
	for (int i = 0; i < n; i++)
		printf(" %llu=%x", (unsigned long long)ev[i].data.u64, ev[i].events);
	printf("\n");
}

static void handler(int sig) { (void)sig; }

static void *writes(void *arg)
{
	usleep(10000);
	CHECK(write(fds[1], "x", 1) == 1);
	return arg;
}

int main(void)
{
	char buf[16];
	struct epoll_event ev;
	ep = epoll_create1(EPOLL_CLOEXEC);
	CHECK(ep >= 0 && fcntl(ep, F_GETFD) == FD_CLOEXEC);
	CHECK(pipe(fds) == 0);
	CHECK(add(ep, fds[0], EPOLLIN, 1) == 0);
	CHECK_ERR(add(ep, fds[0], EPOLLIN, 1), EEXIST);
	CHECK_ERR(add(ep, ep, EPOLLIN, 1), EINVAL);
	CHECK_ERR(add(ep, 99, EPOLLIN, 1), EBADF);
	CHECK_ERR(add(fds[0], fds[1], EPOLLIN, 1), EINVAL);
	int file = open("file", O_RDWR | O_CREAT, 0644);
	CHECK_ERR(add(ep, file, EPOLLIN, 1), EPERM);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, fds[1], NULL), ENOENT);
	CHECK_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(epoll_create1(1), EINVAL);

	waits("nothing", ep, 0);
	waits("in time", ep, 20);
	CHECK(write(fds[1], "ab", 2) == 2);
	waits("level", ep, -1);
	waits("level again", ep, -1);
	CHECK(read(fds[0], buf, 1) == 1);
	waits("some left", ep, -1);
	CHECK(change(fds[0], EPOLLIN | EPOLLET, 2) == 0);
	waits("edge", ep, -1);
	waits("edge again", ep, 0);
	CHECK(write(fds[1], "c", 1) == 1);
	waits("edge with more", ep, -1);
	CHECK(read(fds[0], buf, 16) == 2);
	waits("edge, read", ep, 0);
	CHECK(change(fds[0], EPOLLIN | EPOLLONESHOT, 3) == 0);
	CHECK(write(fds[1], "d", 1) == 1);
	waits("once", ep, -1);
	waits("once again", ep, 0);
	CHECK(change(fds[0], EPOLLIN, 4) == 0);
	waits("armed", ep, -1);
	CHECK(read(fds[0], buf, 16) == 1);

	CHECK(add(ep, fds[1], EPOLLOUT, 5) == 0);
	waits("room", ep, -1);
	CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, fds[1], NULL) == 0);
	int event = eventfd(1, 0);
	CHECK(add(ep, event, EPOLLIN, 6) == 0);
	waits("an event", ep, -1);
	int outer = epoll_create1(0);
	CHECK(add(outer, ep, EPOLLIN, 7) == 0);
	waits("nested", outer, -1);
	CHECK(read(event, buf, 8) == 8);
	waits("nested, nothing", outer, 0);
	close(event);

	pthread_t t;
	CHECK(pthread_create(&t, NULL, writes, NULL) == 0);
	waits("a thread's", ep, -1);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(read(fds[0], buf, 16) == 1);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		writes(NULL);
		usleep(200000); /* its end comes later */
		_exit(0);
	}
	close(fds[1]);
	waits("a child's", ep, -1);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(read(fds[0], buf, 16) == 1);
	waits("its end", ep, -1);
	close(fds[0]);
	waits("closed", ep, 0);

	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	pid_t parent = getpid();
	fflush(stdout);
	if ((pid = fork()) == 0) {
		usleep(100000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(epoll_wait(ep, &ev, 1, -1), EINTR);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
