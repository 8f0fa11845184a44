// laplace: same
// Edge-triggered epoll: each arrival is told once, with all that is ready then; room only after there was none.
#include "check.h"
#include "epoll.h"

int main(void)
{
	int ep = epoll_create1(0), p[2], q[2];
	char b[65536] = {0};
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	CHECK(write(p[1], "a", 1) == 1);
	CHECK(watch(ep, p[0], EPOLLIN | EPOLLET, 1) == 0);
	ready(ep, 8, -1, "there already");
	ready(ep, 8, 0, "told");
	CHECK(write(p[1], "b", 1) == 1 && write(p[1], "c", 1) == 1);
	ready(ep, 8, -1, "two writes");
	ready(ep, 8, 0, "told");
	CHECK(read(p[0], b, 1) == 1);
	ready(ep, 8, 0, "a read is no edge");
	CHECK(write(p[1], "d", 1) == 1);
	CHECK(read(p[0], b, 8) == 3);
	ready(ep, 8, 0, "an edge that is gone");
	CHECK(write(p[1], "e", 1) == 1);
	ready(ep, 8, 0, "the next");
	CHECK(change(ep, p[0], EPOLLIN | EPOLLET, 2) == 0);
	ready(ep, 8, 0, "changed: told again");
	ready(ep, 8, 0, "once");

	CHECK(watch(ep, q[1], EPOLLOUT | EPOLLET, 3) == 0);
	ready(ep, 8, 0, "room");
	CHECK(write(q[1], b, 100) == 100 && read(q[0], b, 100) == 100);
	ready(ep, 8, 0, "there was room all the time");
	CHECK(write(q[1], b, sizeof b) == sizeof b);
	ready(ep, 8, 0, "full");
	CHECK(read(q[0], b, sizeof b) == sizeof b);
	ready(ep, 8, 0, "room again");

	int ev = eventfd(0, EFD_NONBLOCK);
	CHECK(watch(ep, ev, EPOLLIN | EPOLLOUT | EPOLLET, 4) == 0);
	ready(ep, 8, 0, "a counter");
	ready(ep, 8, 0, "told");
	CHECK(eventfd_write(ev, 1) == 0);
	ready(ep, 8, 0, "both");
	eventfd_t v;
	CHECK(eventfd_read(ev, &v) == 0);
	ready(ep, 8, 0, "read");
	CHECK(eventfd_write(ev, 1) == 0 && eventfd_write(ev, 1) == 0);
	ready(ep, 8, 0, "written twice");
	ready(ep, 8, 0, "told");

	close(p[1]);
	ready(ep, 8, 0, "hung up");
	ready(ep, 8, 0, "told");
	close(q[0]);
	ready(ep, 8, 0, "nobody reads");
	return 0;
}
