// laplace: same refused=socket
// Arguments that are wrong: addresses, lengths, control messages.
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static void *volatile BAD = (void *)16;

int main(void)
{
	int s[2];
	char buf[64], control[256] = "";
	socklen_t n = sizeof buf, minus = -1;
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	printf("%d %d\n", s[0], s[1]);
	CHECK_ERR(write(s[0], BAD, 10), EFAULT);
	CHECK_ERR(send(s[0], BAD, 10, 0), EFAULT);
	CHECK(write(s[0], "abc", 3) == 3);
	CHECK_ERR(read(s[1], BAD, 10), EFAULT);
	CHECK(recv(s[1], buf, 64, 0) == 3);
	CHECK_ERR(getsockname(s[0], (void *)buf, &minus), EINVAL);
	CHECK_ERR(getsockname(s[0], BAD, &n), EFAULT);
	CHECK_ERR(getsockname(s[0], (void *)buf, BAD), EFAULT);
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_TYPE, buf, &minus), EINVAL);
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, SO_TYPE, BAD, &n), EFAULT);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, BAD, 4), EFAULT);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, buf, -1), EINVAL);
	CHECK_ERR(bind(s[0], (void *)buf, -1), EINVAL);
	CHECK_ERR(bind(s[0], BAD, 10), EFAULT);
	CHECK_ERR(connect(s[0], BAD, 10), EFAULT);
	CHECK_ERR(sendmsg(s[0], BAD, 0), EFAULT);
	CHECK_ERR(recvmsg(s[0], BAD, 0), EFAULT);
	CHECK(write(s[0], "", 0) == 0 && send(s[0], "", 0, 0) == 0 && read(s[1], buf, 0) == 0);

	struct iovec v = {"data", 4};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c = (struct cmsghdr *)control;
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL); /* a length of 0 */
	*c = (struct cmsghdr){.cmsg_len = 300, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	c->cmsg_len = CMSG_LEN(4);
	c->cmsg_type = 99;
	m.msg_controllen = CMSG_SPACE(4);
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	c->cmsg_type = SCM_CREDENTIALS;
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	c->cmsg_level = 77; /* of no concern to a Unix socket */
	CHECK(sendmsg(s[0], &m, 0) == 4);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	int fd = -1;
	memcpy(CMSG_DATA(c), &fd, 4);
	CHECK_ERR(sendmsg(s[0], &m, 0), EBADF);
	m.msg_control = BAD;
	CHECK_ERR(sendmsg(s[0], &m, 0), EFAULT);
	m.msg_control = NULL;
	m.msg_controllen = 0;
	m.msg_name = buf;
	m.msg_namelen = 20;
	CHECK_ERR(sendmsg(s[0], &m, 0), EISCONN);
	v.iov_len = -1;
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	static int many[300];
	static char big[CMSG_SPACE(sizeof many)];
	for (int i = 0; i < 300; i++)
		many[i] = 0;
	v = (struct iovec){"data", 4};
	m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = big, .msg_controllen = sizeof big};
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof many), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), many, sizeof many);
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL); /* more than 253 */

	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int f = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(connect(f, (void *)&a, 2), EINVAL);
	CHECK_ERR(connect(f, (void *)&a, 111), EINVAL);
	a.sun_family = 55;
	CHECK_ERR(connect(f, (void *)&a, 20), EINVAL);
	strcpy(a.sun_path, "x");
	CHECK_ERR(sendto(f, "x", 1, 0, (void *)&a, sizeof a), EOPNOTSUPP);
	CHECK_ERR(send(f, "x", 1, 0), ENOTCONN);
	CHECK_ERR(recv(f, buf, 1, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_PACKET, 0), ESOCKTNOSUPPORT);
	int path = open(".", O_PATH);
	CHECK_ERR(recv(path, buf, 1, 0), EBADF);
	return 0;
}
