// laplace: same
// A thread that is not the first one executes another program: the process keeps its id, the other threads are gone.
#include "check.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static char **args;

static void *waits(void *arg)
{
	pause();
	return arg;
}

static void *executes(void *arg)
{
	char id[16];
	snprintf(id, sizeof id, "%d", getpid());
	execl("/proc/self/exe", args[0], id, NULL);
	return arg;
}

int main(int argc, char **argv)
{
	args = argv;
	if (argc > 1) {
		printf("same process: %d, first thread: %d\n", atoi(argv[1]) == getpid(), getpid() == (int)syscall(SYS_gettid));
		return 0;
	}
	pthread_t t[2];
	CHECK(pthread_create(&t[0], NULL, waits, NULL) == 0);
	CHECK(pthread_create(&t[1], NULL, executes, NULL) == 0);
	pthread_join(t[1], NULL);
	printf("FAIL: it came back\n");
	return 1;
}
