// laplace: same
// Epolls in epolls, in poll and select; circles and towers are refused.
#include "check.h"
#include "epoll.h"
#include <sys/select.h>

static void *later(void *fd)
{
	usleep(10000);
	CHECK(write(*(int *)fd, "x", 1) == 1);
	return NULL;
}

int main(void)
{
	int e[8], p[2];
	char b[8];
	for (int i = 0; i < 8; i++)
		CHECK((e[i] = epoll_create1(0)) >= 0);
	CHECK(pipe(p) == 0);
	CHECK(watch(e[0], p[0], EPOLLIN, 100) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(watch(e[i + 1], e[i], EPOLLIN, i) == 0);
	CHECK_ERR(watch(e[0], e[3], EPOLLIN, 0), ELOOP);
	CHECK_ERR(watch(e[0], e[0], EPOLLIN, 0), EINVAL);
	CHECK_ERR(watch(e[5], e[4], EPOLLIN, 0), ELOOP);
	CHECK_ERR(watch(e[5], e[4], EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
	ready(e[4], 8, 0, "nothing");
	CHECK(write(p[1], "a", 1) == 1);
	for (int i = 4; i >= 0; i--)
		ready(e[i], 8, -1, "all of them");
	struct pollfd pf = {.fd = e[2], .events = POLLIN | POLLOUT};
	CHECK(poll(&pf, 1, -1) == 1);
	printf("poll: %x\n", pf.revents);
	CHECK(read(p[0], b, 8) == 1);
	CHECK(poll(&pf, 1, 0) == 0);
	ready(e[4], 8, 0, "read");

	/* Edges from below. */
	CHECK(watch(e[6], e[0], EPOLLIN | EPOLLET, 6) == 0);
	CHECK(write(p[1], "a", 1) == 1);
	ready(e[6], 8, 0, "edge");
	ready(e[6], 8, 0, "told");
	CHECK(write(p[1], "a", 1) == 1);
	ready(e[6], 8, 0, "another");
	CHECK(read(p[0], b, 8) == 2);

	/* Who waits is woken through all of them. */
	pthread_t t;
	fflush(stdout);
	CHECK(pthread_create(&t, NULL, later, &p[1]) == 0);
	ready(e[4], 8, -1, "a thread's");
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(read(p[0], b, 8) == 1);
	CHECK(pthread_create(&t, NULL, later, &p[1]) == 0);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(e[4], &set);
	CHECK(select(e[4] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(e[4], &set));
	CHECK(pthread_join(t, NULL) == 0);
	close(e[0]);
	ready(e[4], 8, 0, "the lowest is closed");
	return 0;
}
