// laplace: same
// sendmmsg and recvmmsg.
#include "check.h"
#include <sys/socket.h>
#include <sys/wait.h>

int main(void)
{
	int s[2];
	char in[6][16], out[4][8] = {"one", "two", "three", "four"};
	struct mmsghdr m[6];
	struct iovec v[6];
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	memset(m, 0, sizeof m);
	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){out[i], strlen(out[i])};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(sendmmsg(s[0], m, 4, 0) == 4);
	for (int i = 0; i < 4; i++)
		CHECK(m[i].msg_len == strlen(out[i]));
	memset(m, 0, sizeof m);
	for (int i = 0; i < 6; i++) {
		v[i] = (struct iovec){in[i], i == 2 ? 2 : sizeof in[i]};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(recvmmsg(s[1], m, 3, 0, NULL) == 3);
	CHECK(recvmmsg(s[1], m + 3, 3, MSG_WAITFORONE, NULL) == 1);
	for (int i = 0; i < 4; i++)
		printf("%u %.*s %x\n", m[i].msg_len, (int)m[i].msg_len, in[i], m[i].msg_hdr.msg_flags);
	CHECK_ERR(recvmmsg(s[1], m, 2, MSG_DONTWAIT, NULL), EAGAIN);
	if (fork() == 0) {
		usleep(1000);
		CHECK(write(s[0], "late", 4) == 4);
		_exit(0);
	}
	CHECK(recvmmsg(s[1], m, 2, MSG_WAITFORONE, NULL) == 1 && m[0].msg_len == 4);
	CHECK(wait(NULL) > 0);
	return 0;
}
