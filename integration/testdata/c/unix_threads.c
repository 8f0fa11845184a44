// laplace: same cflags=-pthread
// A server with a thread for each connection.
#include "check.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};

static void *serves(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[100];
	long n, sum = 0;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (int i = 0; i < n; i++)
			sum += buf[i];
	CHECK(write(fd, &sum, sizeof sum) == sizeof sum);
	close(fd);
	return NULL;
}

static void *asks(void *arg)
{
	long id = (long)(intptr_t)arg, sum = 0, want = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	for (int i = 0; i < 50; i++) {
		char c = (id * 31 + i) % 100;
		want += c;
		CHECK(write(fd, &c, 1) == 1);
	}
	CHECK(shutdown(fd, SHUT_WR) == 0);
	CHECK(recv(fd, &sum, sizeof sum, MSG_WAITALL) == sizeof sum && sum == want);
	close(fd);
	return NULL;
}

int main(void)
{
	enum { clients = 8 };
	pthread_t c[clients], s[clients];
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 3) == 0);
	for (long i = 0; i < clients; i++)
		CHECK(pthread_create(&c[i], NULL, asks, (void *)(intptr_t)i) == 0);
	for (int i = 0; i < clients; i++) {
		int fd = accept(l, NULL, NULL);
		CHECK(fd >= 0 && pthread_create(&s[i], NULL, serves, (void *)(intptr_t)fd) == 0);
	}
	for (int i = 0; i < clients; i++)
		CHECK(pthread_join(c[i], NULL) == 0 && pthread_join(s[i], NULL) == 0);
	unlink("sock");
	return 0;
}
