// laplace: same
// Datagrams to names: sendto, connected sockets, who may send to whom, names that are gone, full queues.
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sockaddr_un a = {.sun_family = AF_UNIX};

static struct sockaddr *at(const char *path)
{
	strcpy(a.sun_path, path);
	return (struct sockaddr *)&a;
}

static short polls(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	poll(&p, 1, 0);
	return p.revents;
}

int main(void)
{
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[64];
	struct sockaddr_un from = {0};
	socklen_t n = sizeof from;
	CHECK_ERR(send(c, "x", 1, 0), ENOTCONN);
	CHECK_ERR(sendto(c, "x", 1, 0, at("server"), sizeof a), ENOENT);
	CHECK(bind(s, at("server"), sizeof a) == 0);
	CHECK_ERR(listen(s, 1), EOPNOTSUPP);
	CHECK_ERR(accept(s, NULL, NULL), EOPNOTSUPP);
	CHECK(sendto(c, "anonymous", 9, 0, at("server"), sizeof a) == 9);
	CHECK(recvfrom(s, buf, 64, 0, (struct sockaddr *)&from, &n) == 9);
	printf("from %u bytes\n", n);
	CHECK(bind(c, at("client"), sizeof a) == 0);
	CHECK(sendto(c, "named", 5, 0, at("server"), sizeof a) == 5);
	n = sizeof from;
	CHECK(recvfrom(s, buf, 64, 0, (struct sockaddr *)&from, &n) == 5);
	printf("from %s\n", from.sun_path);
	CHECK(sendto(s, "reply", 5, 0, (struct sockaddr *)&from, n) == 5 && recv(c, buf, 64, 0) == 5);
	CHECK(connect(c, at("server"), sizeof a) == 0);
	CHECK(send(c, "connected", 9, 0) == 9 && recv(s, buf, 64, 0) == 9);
	CHECK(connect(s, at("client"), sizeof a) == 0);
	CHECK_ERR(sendto(d, "x", 1, 0, at("server"), sizeof a), EPERM);
	CHECK_ERR(connect(d, at("server"), sizeof a), EPERM);
	a.sun_family = AF_UNSPEC;
	CHECK(connect(s, at("client"), sizeof a) == 0);
	a.sun_family = AF_UNIX;
	CHECK(connect(d, at("server"), sizeof a) == 0);
	n = sizeof from;
	CHECK(getpeername(d, (struct sockaddr *)&from, &n) == 0);
	printf("peer %s\n", from.sun_path);

	int count = 0;
	while (send(d, "fill", 4, MSG_DONTWAIT) == 4)
		count++;
	printf("%d messages, poll %x\n", count, polls(d));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(1000);
		for (int i = 0; i < count + 3; i++)
			CHECK(recv(s, buf, 64, 0) == 4);
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		CHECK(send(d, "wait", 4, 0) == 4);
	int ws;
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);
	printf("poll %x\n", polls(d));
	close(s);
	printf("closed %x\n", polls(d));
	CHECK_ERR(send(d, "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(d, "x", 1, 0), ENOTCONN);
	CHECK_ERR(sendto(d, "x", 1, 0, at("server"), sizeof a), ECONNREFUSED);
	unlink("server");
	unlink("client");
	return 0;
}
