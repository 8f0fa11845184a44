// laplace: same exit=9
// All threads end by themselves, the first one first, each with a status: that of the last one is the process's.
#include "check.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fds[2];

static void *later(void *arg)
{
	char c;
	CHECK(read(fds[0], &c, 1) == 1);
	usleep(10000);
	printf("the other one ends\n");
	fflush(stdout);
	syscall(SYS_exit, 9);
	return arg;
}

static void ends(int status)
{
	pthread_t t;
	CHECK(pipe(fds) == 0);
	CHECK(pthread_create(&t, NULL, later, NULL) == 0);
	CHECK(write(fds[1], "", 1) == 1);
	syscall(SYS_exit, status);
}

int main(void)
{
	int status;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		ends(6);
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("%d %d\n", WIFEXITED(status), WEXITSTATUS(status));
	fflush(stdout);
	ends(5);
}
