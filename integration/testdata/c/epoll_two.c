// laplace: same
// Two epolls that watch one pipe, and two threads that wait for one epoll.
#include "check.h"
#include "epoll.h"

static int ep, p[2], done;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void *waits(void *arg)
{
	struct epoll_event ev;
	char b;
	for (;;) {
		CHECK(epoll_wait(ep, &ev, 1, -1) == 1);
		if (read(p[0], &b, 1) != 1) /* O_NONBLOCK: another was faster */
			continue;
		pthread_mutex_lock(&m);
		done++;
		pthread_mutex_unlock(&m);
		if (b == 'q')
			return arg;
		CHECK(change(ep, p[0], EPOLLIN | EPOLLONESHOT, 1) == 0);
	}
}

int main(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), q[2];
	char c;
	CHECK(pipe(q) == 0);
	CHECK(watch(a, q[0], EPOLLIN | EPOLLEXCLUSIVE, 1) == 0 && watch(b, q[0], EPOLLIN | EPOLLET, 2) == 0);
	CHECK(write(q[1], "x", 1) == 1);
	ready(a, 8, 0, "one");
	ready(b, 8, 0, "other");
	ready(b, 8, 0, "told");
	CHECK(read(q[0], &c, 1) == 1);
	ready(a, 8, 0, "one, read");

	ep = epoll_create1(0);
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	CHECK(watch(ep, p[0], EPOLLIN | EPOLLONESHOT, 1) == 0);
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, waits, NULL) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(write(p[1], "x", 1) == 1);
		if (i % 5 == 0)
			usleep(1000);
	}
	CHECK(write(p[1], "q", 1) == 1);
	usleep(1000);
	while (1) { /* one has ended: wake the other */
		pthread_mutex_lock(&m);
		int n = done;
		pthread_mutex_unlock(&m);
		if (n == 21)
			break;
		usleep(1000);
	}
	CHECK(write(p[1], "q", 1) == 1);
	CHECK(change(ep, p[0], EPOLLIN | EPOLLONESHOT, 1) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	printf("%d\n", done);
	return 0;
}
