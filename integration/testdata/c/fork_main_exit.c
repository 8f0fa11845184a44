// laplace: same exit=44
// The command's exit status is the low byte of what it returns, whatever its children do afterwards.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	/* A child that is already dead and was never waited for, and that failed. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(99);
	siginfo_t si;
	CHECK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0);
	printf("returns 300\n");
	return 300;
}
