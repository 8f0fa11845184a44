// laplace: pinned
// wait(-1) with several children that exit when they please: their order is a race natively, and a fact in a box.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	pid_t pids[12];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 12; i++) {
			pids[i] = fork();
			CHECK(pids[i] >= 0);
			if (pids[i] == 0) {
				if (round == 1)
					usleep(100 * (12 - i));
				for (int k = 0; k < (round == 2 ? 1000 * (i % 3) : 0); k++)
					getppid();
				_exit(i);
			}
		}
		int seen = 0;
		for (int i = 0; i < 12; i++) {
			int status;
			pid_t pid = wait(&status);
			CHECK(pid == pids[WEXITSTATUS(status)]);
			seen |= 1 << WEXITSTATUS(status);
			printf("%d ", WEXITSTATUS(status));
		}
		CHECK(seen == 0xfff);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
