// laplace: same args=100
// A chain of a hundred processes, each the child of the one before; a number goes down the chain and comes back.
#include "check.h"
#include <sys/wait.h>

int main(int argc, char **argv)
{
	int depth = atoi(argv[1]), level = 0, out[2], s;
	CHECK(pipe(out) == 0);
	pid_t top = getpid();
	while (level < depth) {
		pid_t before = getpid(), pid = fork();
		CHECK(pid >= 0);
		if (pid > 0) {
			CHECK(waitpid(pid, &s, 0) == pid && WIFEXITED(s));
			if (getpid() == top)
				break;
			/* Each adds one to its child's status, below a hundred. */
			_exit((WEXITSTATUS(s) + 1) % 100);
		}
		CHECK(getppid() == before);
		level++;
	}
	if (getpid() != top) {
		CHECK(write(out[1], &level, sizeof level) == sizeof level);
		_exit(0);
	}
	CHECK(read(out[0], &level, sizeof level) == sizeof level);
	printf("deepest %d, status at the top %d\n", level, WEXITSTATUS(s));
	return 0;
}
