// laplace: same
// Children that exit in an order which pipes enforce are reaped in that order by wait(-1).
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	enum { N = 8 };
	int order[N] = {3, 0, 7, 1, 6, 2, 5, 4}, go[N][2];
	pid_t pids[N];
	for (int i = 0; i < N; i++)
		CHECK(pipe(go[i]) == 0);
	for (int i = 0; i < N; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			char c;
			_exit(read(go[i][0], &c, 1) == 1 ? i : 255);
		}
	}
	for (int i = 0; i < N; i++) {
		int status;
		CHECK(write(go[order[i]][1], "x", 1) == 1);
		CHECK(wait(&status) == pids[order[i]]);
		printf("%d\n", WEXITSTATUS(status));
	}
	return 0;
}
