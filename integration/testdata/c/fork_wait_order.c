// laplace: same
// fork returns the pid in the parent and 0 in the child; a wait for a named child orders what both print.
#include "check.h"
#include <sys/wait.h>

static void child(int n)
{
	printf("child %d: my parent waits\n", n);
	pid_t grandchild = fork();
	CHECK(grandchild >= 0);
	if (grandchild == 0) {
		printf("grandchild of %d\n", n);
		exit(n * 10);
	}
	int status;
	CHECK(waitpid(grandchild, &status, 0) == grandchild);
	printf("child %d: grandchild exited %d\n", n, WEXITSTATUS(status));
	exit(n);
}

int main(void)
{
	setlinebuf(stdout);
	pid_t self = getpid();
	for (int n = 1; n <= 5; n++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK(getpid() != self);
			CHECK(getppid() == self);
			child(n);
		}
		CHECK(pid != self && pid > 1);
		int status;
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status));
		printf("parent: child %d exited %d\n", n, WEXITSTATUS(status));
	}
	CHECK(getpid() == self);
	CHECK_ERR(wait(NULL), ECHILD);
	return 0;
}
