// laplace: same
// Parent and child hand a number to and fro over two pipes.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	int down[2], up[2];
	CHECK(pipe(down) == 0 && pipe(up) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	unsigned v;
	if (pid == 0) {
		close(down[1]);
		close(up[0]);
		while (read(down[0], &v, sizeof v) == sizeof v) {
			v = v * 3 + 1;
			CHECK(write(up[1], &v, sizeof v) == sizeof v);
		}
		_exit(7);
	}
	close(down[0]);
	close(up[1]);
	unsigned n = 1;
	for (int i = 0; i < 2000; i++) {
		CHECK(write(down[1], &n, sizeof n) == sizeof n);
		CHECK(read(up[0], &v, sizeof v) == sizeof v);
		CHECK(v == n * 3 + 1);
		n = v;
	}
	close(down[1]);
	CHECK(read(up[0], &v, sizeof v) == 0);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("%u, exited %d\n", n, WEXITSTATUS(s));
	return 0;
}
