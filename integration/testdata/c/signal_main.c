// laplace: same exit=143
// The command itself dies by a signal: what it had written is there, its exit status is 128 + 15.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int s;
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		printf("child ends\n");
		exit(0);
	}
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("parent ends by a signal of its child\n");
	printf("unfinished line");
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		kill(self, SIGTERM);
		_exit(0);
	}
	for (;;)
		pause();
}
