// laplace: same
// Level-triggered epoll: who is ready is told again and again, in the order in which they became so, others first.
#include "check.h"
#include "epoll.h"

int main(void)
{
	int ep = epoll_create1(0), p[4][2];
	char b[65536] = {0};
	for (int i = 0; i < 4; i++) {
		CHECK(pipe(p[i]) == 0);
		CHECK(watch(ep, p[i][0], EPOLLIN, i) == 0);
	}
	ready(ep, 8, 0, "none");
	CHECK(write(p[2][1], "abc", 3) == 3 && write(p[0][1], "a", 1) == 1);
	ready(ep, 8, 0, "2 before 0");
	CHECK(write(p[3][1], "a", 1) == 1);
	for (int i = 0; i < 4; i++)
		ready(ep, 2, -1, "two at a time");
	CHECK(read(p[2][0], b, 1) == 1);
	ready(ep, 8, 0, "some left");
	CHECK(read(p[2][0], b, 8) == 2 && read(p[0][0], b, 8) == 1);
	ready(ep, 8, 0, "one left");
	CHECK(read(p[3][0], b, 8) == 1);
	ready(ep, 8, 0, "none left");

	/* Room. */
	CHECK(watch(ep, p[1][1], EPOLLOUT, 11) == 0);
	ready(ep, 8, 0, "room");
	CHECK(write(p[1][1], b, sizeof b) == sizeof b);
	ready(ep, 8, 0, "full");
	CHECK(read(p[1][0], b, sizeof b) == sizeof b);
	ready(ep, 8, 0, "room again");
	CHECK(forget(ep, p[1][1]) == 0);

	/* The end of the other side. */
	close(p[0][1]);
	ready(ep, 8, 0, "hung up");
	CHECK(change(ep, p[0][0], 0, 20) == 0);
	ready(ep, 8, 0, "hung up, asked for nothing");
	CHECK(write(p[2][1], "z", 1) == 1);
	close(p[2][1]);
	ready(ep, 8, 0, "bytes and hung up");
	CHECK(watch(ep, p[3][1], EPOLLIN | EPOLLRDHUP | EPOLLPRI, 13) == 0);
	close(p[3][0]);
	ready(ep, 8, 0, "nobody reads");
	return 0;
}
