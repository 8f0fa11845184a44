// laplace: same
// The command ends while a descendant of it still sleeps, with none of the box's streams open: the box ends too.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

int main(void)
{
	int s, ready[2];
	CHECK(pipe(ready) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (fork() == 0) {
			int null = open("/dev/null", O_RDWR);
			for (int fd = 0; fd < 3; fd++)
				dup2(null, fd);
			CHECK(write(ready[1], "r", 1) == 1);
			/* A box may not wait for this: an hour, or for ever. Natively it must not stay. */
			sleep(boxed() ? 3600 : 0);
			for (int i = 0; boxed(); i++)
				if (i % 2)
					usleep(1000);
				else
					poll(NULL, 0, 1000000);
			_exit(0);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	char c;
	CHECK(read(ready[0], &c, 1) == 1);
	printf("main ends\n");
	return 0;
}
