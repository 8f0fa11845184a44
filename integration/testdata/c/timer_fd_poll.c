// laplace: same
// A timerfd in poll, select and epoll: readable when it has expired, and until it is read; edge-triggered once; beside other descriptors and timeouts.
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/timerfd.h>

static void set(int fd, long msec)
{
	struct itimerspec s = {.it_value = {msec / 1000, msec % 1000 * 1000000}};
	CHECK(timerfd_settime(fd, 0, &s, NULL) == 0);
}

int main(void)
{
	uint64_t n;
	int p[2], a = timerfd_create(CLOCK_MONOTONIC, 0), b = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	CHECK(a >= 0 && b >= 0 && pipe(p) == 0);
	struct pollfd fds[] = {{a, POLLIN | POLLOUT, 0}, {p[0], POLLIN, 0}, {b, POLLIN, 0}};
	CHECK(poll(fds, 3, 0) == 0);
	set(a, 300);
	CHECK(poll(fds, 3, 0) == 0);
	CHECK(poll(fds, 3, 5000) == 1 && fds[0].revents == POLLIN && fds[2].revents == 0);
	CHECK(poll(fds, 3, -1) == 1);
	CHECK(read(a, &n, 8) == 8 && n == 1);
	CHECK(poll(fds, 3, 10) == 0);
	set(a, 600), set(b, 20);
	CHECK(poll(fds, 3, -1) == 1 && fds[2].revents == POLLIN && fds[0].revents == 0);
	CHECK(read(b, &n, 8) == 8 && n == 1);
	CHECK(poll(fds, 3, -1) == 1 && fds[0].revents == POLLIN);
	CHECK(read(a, &n, 8) == 8);
	set(a, 60000);
	CHECK(poll(fds, 3, 20) == 0);
	CHECK(write(p[1], "x", 1) == 1);
	CHECK(poll(fds, 3, -1) == 1 && fds[1].revents == POLLIN);
	puts("poll");

	fd_set in;
	struct timeval tv = {10, 0};
	FD_ZERO(&in);
	FD_SET(b, &in);
	set(b, 20);
	CHECK(select(b + 1, &in, NULL, NULL, &tv) == 1 && FD_ISSET(b, &in));
	CHECK(tv.tv_sec == 9);
	CHECK(read(b, &n, 8) == 8);
	puts("select");

	int ep = epoll_create1(0), outer = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 1}, got[4];
	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, a, &ev) == 0);
	ev = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = 2};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, b, &ev) == 0);
	ev = (struct epoll_event){.events = EPOLLIN, .data.u32 = 3};
	CHECK(outer >= 0 && epoll_ctl(outer, EPOLL_CTL_ADD, ep, &ev) == 0);
	set(b, 20);
	CHECK(epoll_wait(ep, got, 4, -1) == 1 && got[0].data.u32 == 2 && got[0].events == EPOLLIN);
	CHECK(epoll_wait(ep, got, 4, 20) == 0); // told already
	set(b, 20);
	CHECK(epoll_wait(outer, got, 4, -1) == 1 && got[0].data.u32 == 3);
	CHECK(epoll_wait(ep, got, 4, -1) == 1 && got[0].data.u32 == 2);
	CHECK(read(b, &n, 8) == 8 && n == 1);
	CHECK_ERR(read(b, &n, 8), EAGAIN);
	set(a, 20);
	for (int i = 0; i < 3; i++)
		CHECK(epoll_wait(ep, got, 4, 5000) == 1 && got[0].data.u32 == 1);
	CHECK(read(a, &n, 8) == 8 && n == 1);
	CHECK(epoll_wait(ep, got, 4, 0) == 0);
	puts("epoll");
	return 0;
}
