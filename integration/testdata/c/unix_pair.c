// laplace: same
// A pair of stream sockets: every call that sends and receives, and their flags.
#include "check.h"
#include <sys/socket.h>
#include <sys/uio.h>

int main(void)
{
	int s[2];
	char buf[64], one[4], two[4];
	struct iovec out[2] = {{"ab", 2}, {"cde", 3}}, in[2] = {{one, 2}, {two, 4}};
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(write(s[0], "hello", 5) == 5);
	CHECK(read(s[1], buf, 2) == 2 && memcmp(buf, "he", 2) == 0);
	CHECK(read(s[1], buf, 64) == 3 && memcmp(buf, "llo", 3) == 0);
	CHECK(writev(s[1], out, 2) == 5);
	CHECK(readv(s[0], in, 2) == 5 && memcmp(one, "ab", 2) == 0 && memcmp(two, "cde", 3) == 0);
	CHECK(send(s[0], "one", 3, 0) == 3 && send(s[0], "two", 3, MSG_NOSIGNAL) == 3);
	CHECK(recv(s[1], buf, 64, MSG_PEEK) == 6 && memcmp(buf, "onetwo", 6) == 0);
	CHECK(recv(s[1], buf, 4, 0) == 4 && memcmp(buf, "onet", 4) == 0);
	CHECK(recv(s[1], buf, 64, MSG_DONTWAIT) == 2);
	CHECK_ERR(recv(s[1], buf, 64, MSG_DONTWAIT), EAGAIN);
	CHECK(sendto(s[0], "xyz", 3, 0, NULL, 0) == 3);
	char addr[128];
	socklen_t n = sizeof addr;
	CHECK(recvfrom(s[1], buf, 64, 0, (struct sockaddr *)addr, &n) == 3);
	printf("the sender's address has %u bytes\n", n);

	struct msghdr m = {.msg_iov = out, .msg_iovlen = 2};
	CHECK(sendmsg(s[0], &m, 0) == 5);
	struct msghdr r = {.msg_iov = in, .msg_iovlen = 2, .msg_name = addr, .msg_namelen = sizeof addr, .msg_flags = 99};
	CHECK(recvmsg(s[1], &r, 0) == 5);
	printf("recvmsg: name %u, control %zu, flags %x\n", r.msg_namelen, r.msg_controllen, r.msg_flags);
	m.msg_iovlen = 2000;
	CHECK_ERR(sendmsg(s[0], &m, 0), EMSGSIZE);

	if (fork() == 0) {
		for (int i = 0; i < 5; i++) {
			usleep(1000);
			CHECK(write(s[0], "0123456789", 10) == 10);
		}
		_exit(0);
	}
	CHECK(recv(s[1], buf, 50, MSG_WAITALL) == 50);
	printf("%.50s\n", buf);
	CHECK(write(s[0], "left", 4) == 4);
	close(s[0]);
	CHECK(recv(s[1], buf, 50, MSG_WAITALL) == 4);
	CHECK(recv(s[1], buf, 50, MSG_WAITALL) == 0);
	CHECK_ERR(socketpair(AF_UNIX, 99, 0, s), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 77, s), EPROTONOSUPPORT);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_RDM, 0, s), ESOCKTNOSUPPORT);
	CHECK_ERR(recv(0, buf, 1, 0), ENOTSOCK);
	CHECK_ERR(recv(99, buf, 1, 0), EBADF);
	return 0;
}
