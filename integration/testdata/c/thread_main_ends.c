// laplace: same exit=7
// The first thread ends before the others: the process goes on until the last one, whose exit is the process's.
#include "check.h"
#include <pthread.h>
#include <unistd.h>

static pthread_t first;

static void *second(void *arg)
{
	CHECK(pthread_join(first, NULL) == 0);
	printf("the first thread has ended\n");
	CHECK(getppid() > 0);
	fflush(stdout);
	exit(7);
	return arg;
}

int main(void)
{
	pthread_t t;
	first = pthread_self();
	CHECK(pthread_create(&t, NULL, second, NULL) == 0);
	pthread_exit(NULL);
}
