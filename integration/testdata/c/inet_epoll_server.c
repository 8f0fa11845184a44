// laplace: same
// A server with one loop for all its connections, by edge-triggered epoll, and clients that are processes.
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { clients = 6, rounds = 20 };

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
	CHECK(bind(l, (struct sockaddr *)&a, n) == 0 && getsockname(l, (struct sockaddr *)&a, &n) == 0 && listen(l, 2) == 0);
	for (int i = 0; i < clients; i++)
		if (fork() == 0) {
			int c = socket(AF_INET, SOCK_STREAM, 0);
			close(l);
			CHECK(connect(c, (struct sockaddr *)&a, n) == 0);
			for (int r = 0; r < rounds; r++) {
				char out[100], in[100];
				memset(out, 'A' + i, r + 1);
				CHECK(write(c, out, r + 1) == r + 1 && recv(c, in, r + 1, MSG_WAITALL) == r + 1);
				CHECK(memcmp(in, out, r + 1) == 0);
			}
			_exit(0);
		}
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = l}, got[4];
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev) == 0);
	int ended = 0, accepted = 0;
	long bytes = 0;
	while (ended < clients) {
		int k = epoll_wait(ep, got, 4, -1);
		CHECK(k > 0);
		for (int i = 0; i < k; i++) {
			int fd = got[i].data.fd;
			if (fd == l) {
				for (int c; (c = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted++) {
					ev = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = c};
					CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev) == 0);
				}
				continue;
			}
			char buf[64];
			long m;
			while ((m = read(fd, buf, sizeof buf)) > 0) {
				bytes += m;
				CHECK(write(fd, buf, m) == m);
			}
			if (m == 0) {
				ended++;
				close(fd);
			}
		}
	}
	printf("%d connections, %ld bytes\n", accepted, bytes);
	int ws;
	while (wait(&ws) > 0)
		CHECK(ws == 0);
	return 0;
}
