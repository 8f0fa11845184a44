// laplace: pinned
// Process groups and sessions that change while others look at them: a race natively. In a box each change has its place.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

static void work(int calls)
{
	for (int i = 0; i < calls; i++)
		close(open("/dev/null", O_RDONLY));
}

static pid_t child(int session)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		work(20);
		if (session)
			setsid();
		else
			setpgid(0, 0);
		work(100);
		_exit(0);
	}
	for (volatile long i = 0; i < 20000000; i++)
		;
	return pid;
}

int main(void)
{
	int n = 0;
	pid_t pid = child(0);
	while (getpgid(pid) != pid)
		n++;
	printf("another group after %d looks\n", n);
	CHECK(waitpid(pid, NULL, 0) == pid);

	pid = child(1);
	for (n = 0; getsid(pid) != pid; n++)
		;
	printf("another session after %d looks\n", n);
	CHECK(waitpid(pid, NULL, 0) == pid);

	pid = child(0);
	for (n = 0; waitpid(0, NULL, WNOHANG) == 0; n++)
		;
	printf("not of the group any more after %d waits\n", n);
	CHECK(waitpid(pid, NULL, 0) == pid);

	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (n = 0; getpgrp() != getpid(); n++)
			;
		printf("moved after %d looks\n", n);
		fflush(stdout);
		_exit(0);
	}
	work(50);
	CHECK(setpgid(pid, pid) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
