// laplace: same
// SO_PEERCRED and SCM_CREDENTIALS name the processes of the box.
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static pid_t parent, child;

static const char *who(pid_t pid) { return pid == parent ? "parent" : pid == child ? "child" : pid == 0 ? "nobody" : "?"; }

static void gets_(const char *what, int s, size_t room)
{
	char buf[64], control[256];
	struct iovec v = {buf, sizeof buf};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	long n = recvmsg(s, &m, 0);
	CHECK(n >= 0);
	printf("%s: %.*s flags %x control %zu", what, (int)n, buf, m.msg_flags, m.msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		printf(" type %d len %zu", c->cmsg_type, (size_t)c->cmsg_len);
		if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
			struct ucred u;
			memcpy(&u, CMSG_DATA(c), sizeof u);
			printf(" %s %s %s", who(u.pid), u.uid == getuid() ? "its user" : u.uid == 65534 ? "no user" : "?", u.gid == getgid() ? "its group" : u.gid == 65534 ? "no group" : "?");
		}
		if (c->cmsg_type == SCM_RIGHTS) {
			int fd;
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
			close(fd);
		}
	}
	printf("\n");
}

static long sends(int s, struct ucred *u, int fd)
{
	char control[256] = "";
	struct iovec v = {"cred", 4};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof *u) + (fd >= 0 ? CMSG_SPACE(sizeof fd) : 0)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof *u);
	memcpy(CMSG_DATA(c), u, sizeof *u);
	if (fd >= 0) {
		c = CMSG_NXTHDR(&m, c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(s, &m, 0);
}

static void peer(const char *what, int s)
{
	struct ucred u;
	socklen_t n = sizeof u;
	CHECK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &n) == 0 && n == sizeof u);
	printf("%s: %s %s %s\n", what, who(u.pid), u.uid == getuid() ? "its user" : u.uid == (uid_t)-1 ? "no user" : "?", u.gid == getgid() ? "its group" : u.gid == (gid_t)-1 ? "no group" : "?");
}

int main(void)
{
	int s[2], on = 1;
	parent = getpid();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	peer("a pair", s[0]);
	struct ucred me = {getpid(), getuid(), getgid()};
	CHECK(sends(s[0], &me, -1) == 4);
	gets_("not asked for", s[1], 256);
	CHECK(write(s[0], "early", 5) == 5);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
	gets_("sent before it was asked for", s[1], 256);
	CHECK(write(s[0], "plain", 5) == 5);
	gets_("asked for", s[1], 256);
	CHECK(sends(s[0], &me, s[0]) == 4);
	gets_("with a descriptor", s[1], 256);
	CHECK(sends(s[0], &me, -1) == 4);
	gets_("little room", s[1], 20);
	CHECK(sends(s[0], &me, -1) == 4);
	gets_("no room", s[1], 0);
	me.pid = 1;
	CHECK_ERR(sends(s[0], &me, -1), EPERM);

	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	peer("unconnected", l);
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 1) == 0);
	int go[2];
	CHECK(pipe(go) == 0);
	fflush(stdout);
	if ((child = fork()) == 0) {
		child = getpid();
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(c, (struct sockaddr *)&a, sizeof a) == 0);
		peer("who listens", c);
		fflush(stdout);
		CHECK(write(s[0], "child's", 7) == 7 && write(c, "x", 1) == 1);
		char buf[1];
		CHECK(read(go[0], buf, 1) == 1);
		_exit(0);
	}
	int c = accept(l, NULL, NULL);
	char buf[1];
	CHECK(c >= 0 && read(c, buf, 1) == 1);
	peer("who connects", c);
	CHECK(write(s[0], "parent's", 8) == 8);
	gets_("bytes of one", s[1], 256);
	gets_("and of another", s[1], 256);
	CHECK(write(go[1], "x", 1) == 1 && waitpid(child, NULL, 0) == child);
	unlink("sock");
	return 0;
}
