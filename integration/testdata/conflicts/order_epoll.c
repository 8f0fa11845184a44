// conflicts: none
// a pipe for which is waited by epoll
#include "race.h"
#include <sys/epoll.h>

static int p[2];

static void writer(void)
{
	over("data", "new");
	tell(p);
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(0);
	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0 && epoll_wait(ep, &ev, 1, -1) == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
