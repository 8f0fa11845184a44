// conflicts: none
// a descriptor that comes over a Unix socket
#include "race.h"
#include <sys/socket.h>

int main(void)
{
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	char control[CMSG_SPACE(sizeof(int))] = "", c = 0;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(recvmsg(s[1], &m, 0) == 1);
		int fd = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&m));
		CHECK(write(fd, "child", 5) == 5);
		_exit(0);
	}
	int fd = open("data", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "parent ", 7) == 7);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	CHECK(sendmsg(s[0], &m, 0) == 1 && close(fd) == 0);
	done(pid);
	puts(get("data"));
	return 0;
}
