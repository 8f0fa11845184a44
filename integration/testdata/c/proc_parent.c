// laplace: same
// Who has seen that its parent is gone finds init in its place, in /proc as by getppid.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

int main(void)
{
	int alive[2], done[2];
	CHECK(pipe(alive) == 0);
	CHECK(pipe(done) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (fork() > 0)
			_exit(0);
		close(alive[1]);
		char c;
		read(alive[0], &c, 1); /* the end: of the first process as well */
		int looks = 0, parent = 0;
		for (; parent != 1; looks++) {
			char buf[512] = "";
			int fd = open("/proc/self/stat", O_RDONLY);
			if (read(fd, buf, sizeof buf - 1) <= 0 || sscanf(strrchr(buf, ')') + 4, "%d", &parent) != 1)
				_exit(1);
			close(fd);
		}
		if (boxed() && looks != 1)
			_exit(2);
		dprintf(done[1], "init\n");
		_exit(0);
	}
	close(alive[1]);
	close(done[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	char buf[64];
	ssize_t n = read(done[0], buf, sizeof buf);
	printf("%.*s", (int)n, buf);
	return n != 5;
}
