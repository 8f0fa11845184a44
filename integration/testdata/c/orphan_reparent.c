// laplace: same
// A child whose parent dies gets another parent, keeps its group and session, and goes on working.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int go[2], out[2], s;
	CHECK(pipe(go) == 0 && pipe(out) == 0);
	pid_t self = getpid(), group = getpgrp(), session = getsid(0);

	pid_t middle = fork();
	CHECK(middle >= 0);
	if (middle == 0) {
		pid_t before = getpid(), orphan = fork();
		CHECK(orphan >= 0);
		if (orphan == 0) {
			char c;
			CHECK(read(go[0], &c, 1) == 1);
			/* The middle process has been reaped: the orphan must have been given away by now. */
			pid_t after = getppid();
			CHECK(after != before && after != self);
			if (boxed())
				CHECK(after == 1);
			CHECK(getpgrp() == group && getsid(0) == session);
			/* It can have children of its own, and wait for them. */
			pid_t child = fork();
			CHECK(child >= 0);
			if (child == 0)
				_exit(6);
			CHECK(waitpid(child, &s, 0) == child && WEXITSTATUS(s) == 6);
			CHECK(write(out[1], "done", 4) == 4);
			_exit(0);
		}
		_exit(3);
	}
	CHECK(waitpid(middle, &s, 0) == middle && WEXITSTATUS(s) == 3);
	CHECK_ERR(wait(NULL), ECHILD); /* the grandchild is not ours */
	CHECK(write(go[1], "x", 1) == 1);
	close(out[1]);
	char buf[8];
	CHECK(read(out[0], buf, 8) == 4);
	CHECK(read(out[0], buf + 4, 4) == 0); /* gone */
	printf("%.4s\n", buf);
	return 0;
}
