// laplace: same
// sendfile that waits for room in a connection which another thread takes from it meanwhile.
#include "check.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static int c;

static void *disconnects(void *arg)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	(void)arg;
	usleep(100000);
	CHECK(connect(c, &none, sizeof none) == 0);
	return NULL;
}

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), big = open("big", O_RDWR | O_CREAT, 0600);
	pthread_t other;

	signal(SIGPIPE, SIG_IGN);
	CHECK(bind(l, (struct sockaddr *)&a, n) == 0 && listen(l, 5) == 0);
	CHECK(getsockname(l, (struct sockaddr *)&a, &n) == 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(c, (struct sockaddr *)&a, n) == 0 && accept(l, NULL, NULL) >= 0);
	CHECK(ftruncate(big, 64 << 20) == 0 && unlink("big") == 0);
	CHECK(pthread_create(&other, NULL, disconnects, NULL) == 0);
	while (sendfile(c, big, NULL, 64 << 20) > 0)
		;
	CHECK_ERR(sendfile(c, big, NULL, 1), EPIPE);
	CHECK(pthread_join(other, NULL) == 0);
	puts("the connection is gone");
	return 0;
}
