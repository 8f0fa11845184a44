// laplace: same
// Who polls for nothing is told that the last writer is gone, also while there are bytes to read.
#include "check.h"
#include <poll.h>
#include <sys/wait.h>

int main(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(write(fds[1], "x", 1) == 1);
		usleep(10000);
		_exit(0);
	}
	close(fds[1]);
	struct pollfd p = {.fd = fds[0]};
	CHECK(poll(&p, 1, -1) == 1);
	printf("%#x\n", (unsigned)p.revents);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
