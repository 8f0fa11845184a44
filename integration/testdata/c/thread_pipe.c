// laplace: same
// Threads that talk through pipes, and sleep.
#include "check.h"
#include <pthread.h>
#include <unistd.h>

static int to[2], from[2];

static void *echo(void *arg)
{
	char c;
	while (read(to[0], &c, 1) == 1) {
		usleep(1000);
		c++;
		CHECK(write(from[1], &c, 1) == 1);
	}
	close(from[1]);
	return arg;
}

int main(void)
{
	pthread_t t;
	char c = 'a', end;
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	CHECK(pthread_create(&t, NULL, echo, NULL) == 0);
	for (int i = 0; i < 10; i++) {
		CHECK(write(to[1], &c, 1) == 1);
		CHECK(read(from[0], &c, 1) == 1);
	}
	close(to[1]);
	CHECK(read(from[0], &end, 1) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	printf("%c\n", c);
	return 0;
}
