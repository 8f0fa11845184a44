// laplace: pinned
// How often a polling loop asks before its child is gone is a race natively. In a box it is a number.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	for (int n = 0; n < 5; n++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			usleep(n * 3000);
			_exit(n);
		}
		int status, tries = 0;
		while (waitpid(pid, &status, WNOHANG) == 0) {
			tries++;
			usleep(1000);
		}
		CHECK(WEXITSTATUS(status) == n);
		printf("child %d: %d tries\n", n, tries);
	}
	return 0;
}
