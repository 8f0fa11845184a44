// laplace: same
// What one end of a pair finds when the other one has closed: the end, EPIPE with SIGPIPE, ECONNRESET.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

static int pipes;
static void handler(int sig) { pipes += sig == SIGPIPE; }

static void polls(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	poll(&p, 1, 0);
	printf("%s: %x\n", what, p.revents);
}

int main(void)
{
	int s[2];
	char buf[16];
	signal(SIGPIPE, handler);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	polls("open", s[0]);
	CHECK(write(s[1], "rest", 4) == 4);
	close(s[1]);
	polls("closed", s[0]);
	CHECK(read(s[0], buf, 16) == 4 && read(s[0], buf, 16) == 0 && read(s[0], buf, 16) == 0);
	CHECK_ERR(write(s[0], "x", 1), EPIPE);
	CHECK(pipes == 1);
	CHECK_ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(pipes == 1);
	close(s[0]);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(write(s[0], "unread", 6) == 6 && write(s[1], "ab", 2) == 2);
	close(s[1]);
	polls("closed with unread bytes", s[0]);
	CHECK(read(s[0], buf, 16) == 2);
	CHECK_ERR(read(s[0], buf, 16), ECONNRESET);
	CHECK(read(s[0], buf, 16) == 0);
	polls("after that", s[0]);
	close(s[0]);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	int again = dup(s[1]);
	close(s[1]);
	CHECK(write(s[0], "still", 5) == 5 && read(again, buf, 16) == 5);
	pid_t pid = fork();
	if (pid == 0) {
		close(s[0]);
		CHECK(write(again, "child", 5) == 5);
		_exit(0);
	}
	close(again);
	CHECK(read(s[0], buf, 16) == 5);
	CHECK(read(s[0], buf, 16) == 0);
	CHECK(dup2(0, s[0]) == s[0]);
	CHECK_ERR(send(s[0], "x", 1, 0), ENOTSOCK);
	return 0;
}
