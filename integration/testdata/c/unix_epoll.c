// laplace: same
// epoll, poll and select of sockets: levels, edges, the end of one direction.
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static int ep;

static void waits(const char *what, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, ms);
	CHECK(n >= 0);
	printf("%s:", what);
	for (int i = 0; i < n; i++)
		printf(" %u=%x", ev[i].data.u32, ev[i].events);
	printf("\n");
}

static void set(int op, int fd, uint32_t events, uint32_t data)
{
	struct epoll_event ev = {.events = events, .data.u32 = data};
	CHECK(epoll_ctl(ep, op, fd, &ev) == 0);
}

int main(void)
{
	int s[2];
	char buf[64];
	ep = epoll_create1(0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	set(EPOLL_CTL_ADD, s[0], EPOLLIN, 1);
	waits("nothing", 0);
	CHECK(write(s[1], "abc", 3) == 3);
	waits("bytes", -1);
	CHECK(read(s[0], buf, 1) == 1);
	waits("some left", 0);
	CHECK(read(s[0], buf, 64) == 2);
	waits("none left", 0);
	set(EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 2);
	waits("edge, nothing", 0);
	CHECK(write(s[1], "abc", 3) == 3);
	waits("edge", -1);
	waits("edge again", 0);
	CHECK(write(s[1], "d", 1) == 1);
	waits("another edge", -1);
	CHECK(read(s[0], buf, 64) == 4);
	waits("read", 0);
	CHECK(shutdown(s[1], SHUT_WR) == 0);
	waits("its end", -1);
	waits("its end again", 0);
	set(EPOLL_CTL_MOD, s[0], EPOLLOUT, 3);
	waits("room", -1);
	close(s[1]);
	waits("closed", -1);
	set(EPOLL_CTL_DEL, s[0], 0, 0);
	close(s[0]);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(80000);
		CHECK(write(s[1], "x", 1) == 1);
		usleep(80000);
		_exit(0);
	}
	close(s[1]);
	set(EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLRDHUP, 4);
	waits("in time", 1);
	waits("a child's", -1);
	CHECK(read(s[0], buf, 64) == 1);
	waits("a child's end", -1);
	fd_set in, out;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(s[0], &in);
	FD_SET(s[0], &out);
	CHECK(select(s[0] + 1, &in, &out, NULL, NULL) == 2 && FD_ISSET(s[0], &in) && FD_ISSET(s[0], &out));
	CHECK(waitpid(pid, NULL, 0) == pid);

	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd p = {.fd = l, .events = POLLIN | POLLOUT};
	CHECK(poll(&p, 1, 0) == 1);
	printf("unconnected: %x\n", p.revents);
	CHECK(bind(l, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "s"}, sizeof(struct sockaddr_un)) == 0);
	CHECK(listen(l, 5) == 0);
	CHECK(poll(&p, 1, 0) == 0);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(c, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "s"}, sizeof(struct sockaddr_un)) == 0);
	CHECK(poll(&p, 1, 0) == 1);
	printf("a connection: %x\n", p.revents);
	unlink("s");
	return 0;
}
