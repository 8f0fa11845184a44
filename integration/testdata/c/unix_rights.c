// laplace: same
// SCM_RIGHTS: descriptors of files, pipes and sockets go from one process to another, and stay open on their way.
#include "check.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* sends sends some bytes with descriptors. */
static long sends(int s, const char *text, int n, const int *fds)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = "";
	struct iovec v = {(void *)text, strlen(text)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(s, &m, 0);
}

/* gets receives descriptors, of which there is room for some, and prints what came. */
static int gets_(const char *what, int s, size_t room, int flags, int *fds)
{
	char buf[64], control[CMSG_SPACE(64 * sizeof(int))];
	struct iovec v = {buf, sizeof buf};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	long n = recvmsg(s, &m, flags);
	int count = 0;
	printf("%s: %ld %.*s flags %x control %zu", what, n, (int)(n < 0 ? 0 : n), buf, m.msg_flags, m.msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		CHECK(c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS);
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), count * sizeof(int));
		printf(" len %zu", (size_t)c->cmsg_len);
	}
	for (int i = 0; i < count; i++)
		printf(" %d%s", fds[i], fcntl(fds[i], F_GETFD) == FD_CLOEXEC ? "x" : "");
	printf("\n");
	return count;
}

int main(void)
{
	int s[2], p[2], got[64];
	char buf[64];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	int file = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(write(file, "content", 7) == 7);

	CHECK(sends(s[0], "pipe", 1, &p[0]) == 4);
	close(p[0]);
	CHECK(write(p[1], "through", 7) == 7); /* somebody may still read it */
	CHECK(gets_("a pipe", s[1], CMSG_SPACE(sizeof(int)), 0, got) == 1);
	CHECK(read(got[0], buf, 64) == 7);
	close(p[1]);
	CHECK(read(got[0], buf, 64) == 0);
	close(got[0]);

	CHECK(sends(s[0], "file", 1, &file) == 4);
	close(file);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(gets_("a file", s[1], sizeof buf, MSG_CMSG_CLOEXEC, got) == 1);
		CHECK(pread(got[0], buf, 64, 0) == 7 && lseek(got[0], 0, SEEK_CUR) == 7);
		fflush(stdout);
		_exit(0);
	}
	int ws;
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);

	int t[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
	CHECK(sends(s[0], "sock", 1, &t[1]) == 4);
	close(t[1]);
	CHECK(write(t[0], "early", 5) == 5);
	CHECK_ERR(recv(t[0], buf, 1, MSG_DONTWAIT), EAGAIN); /* it is on its way, not closed */
	CHECK(gets_("a socket, peeked", s[1], CMSG_SPACE(sizeof(int)), MSG_PEEK, got) == 1);
	close(got[0]);
	CHECK(gets_("a socket", s[1], CMSG_SPACE(sizeof(int)), 0, got) == 1);
	CHECK(read(got[0], buf, 64) == 5);
	close(got[0]);
	CHECK(recv(t[0], buf, 1, 0) == 0);
	close(t[0]);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
	CHECK(sends(s[0], "lost", 1, &t[1]) == 4);
	close(t[1]);
	CHECK(read(s[1], buf, 64) == 4); /* without room for descriptors they are closed */
	CHECK(recv(t[0], buf, 1, 0) == 0);

	int many[5] = {0, 1, 2, t[0], s[0]};
	CHECK(sends(s[0], "many", 5, many) == 4 && write(s[0], "more", 4) == 4);
	int n = gets_("room for two", s[1], CMSG_LEN(2 * sizeof(int)), 0, got);
	for (int i = 0; i < n; i++)
		close(got[i]);
	CHECK(gets_("the rest", s[1], sizeof buf, 0, got) == 0);
	CHECK(sends(s[0], "none", 2, many) == 4);
	CHECK(gets_("no room", s[1], 0, 0, got) == 0);
	CHECK(write(s[0], "before", 6) == 6 && sends(s[0], "with", 1, many) == 4 && write(s[0], "after", 5) == 5);
	n = gets_("where bytes end", s[1], sizeof buf, 0, got);
	for (int i = 0; i < n; i++)
		close(got[i]);
	CHECK(read(s[1], buf, 64) == 5);
	many[1] = 99;
	CHECK_ERR(sends(s[0], "x", 2, many), EBADF);

	/* A connection whose last descriptor waits in its own queue. */
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, t) == 0);
	CHECK(sends(t[0], "msg", 1, &s[0]) == 3);
	n = gets_("with a message", t[1], sizeof buf, 0, got);
	CHECK(n == 1 && write(got[0], "same", 4) == 4 && read(s[1], buf, 64) == 4);
	return 0;
}
