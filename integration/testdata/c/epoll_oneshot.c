// laplace: same
// EPOLLONESHOT: after one report nothing is told until it is armed again, not even that the other side has gone.
#include "check.h"
#include "epoll.h"

int main(void)
{
	int ep = epoll_create1(0), p[2];
	char b[8];
	CHECK(pipe(p) == 0);
	CHECK(watch(ep, p[0], EPOLLIN | EPOLLONESHOT, 1) == 0);
	CHECK(write(p[1], "a", 1) == 1);
	ready(ep, 8, -1, "first");
	CHECK(write(p[1], "b", 1) == 1);
	ready(ep, 8, 0, "off");
	CHECK_ERR(watch(ep, p[0], EPOLLIN, 1), EEXIST);
	CHECK(change(ep, p[0], EPOLLIN | EPOLLONESHOT, 2) == 0);
	ready(ep, 8, -1, "armed");
	CHECK(change(ep, p[0], EPOLLIN | EPOLLONESHOT | EPOLLET, 3) == 0);
	ready(ep, 8, -1, "armed with edges");
	CHECK(write(p[1], "c", 1) == 1);
	ready(ep, 8, 0, "off");
	CHECK(read(p[0], b, 8) == 3);
	CHECK(change(ep, p[0], EPOLLIN | EPOLLONESHOT, 4) == 0);
	ready(ep, 8, 0, "armed, empty");
	CHECK(write(p[1], "d", 1) == 1);
	ready(ep, 8, 0, "armed, written");
	close(p[1]);
	ready(ep, 8, 0, "off, hung up");
	CHECK(change(ep, p[0], EPOLLONESHOT, 5) == 0);
	ready(ep, 8, 0, "armed, hung up");
	ready(ep, 8, 0, "off");
	return 0;
}
