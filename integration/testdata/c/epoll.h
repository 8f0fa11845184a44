/* What the epoll programs share. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

static inline int watch(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static inline int change(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
}

static inline int forget(int ep, int fd) { return epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL); }

/* ready prints what an epoll reports within ms milliseconds, at most so many. */
static inline int ready(int ep, int most, int ms, const char *what)
{
	struct epoll_event ev[16];
	int n = epoll_wait(ep, ev, most, ms);
	CHECK(n >= 0);
	printf("%s:", what);
	for (int i = 0; i < n; i++)
		printf(" %llu=%x", (unsigned long long)ev[i].data.u64, ev[i].events);
	printf("\n");
	return n;
}
