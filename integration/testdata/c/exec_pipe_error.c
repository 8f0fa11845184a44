// laplace: same
// How process libraries learn whether an exec worked: a close-on-exec pipe that carries errno, or ends at the exec.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

static int start(const char *path, pid_t *pid)
{
	int p[2];
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	*pid = fork();
	CHECK(*pid >= 0);
	if (*pid == 0) {
		close(p[0]);
		execl(path, "x", "-c", "echo ran; exec sleep 0", NULL);
		int e = errno;
		CHECK(write(p[1], &e, sizeof e) == sizeof e);
		_exit(127);
	}
	close(p[1]);
	int e = 0;
	ssize_t n = read(p[0], &e, sizeof e); /* blocks until the exec, or until the child says why not */
	CHECK(n == 0 || n == sizeof e);
	close(p[0]);
	return n ? e : 0;
}

int main(void)
{
	setlinebuf(stdout);
	const char *paths[] = {"/bin/sh", "./missing", "/", "/dev/null", "/bin/sh/x"};
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		pid_t pid;
		int e = start(paths[i], &pid), status;
		CHECK(waitpid(pid, &status, 0) == pid);
		printf("%s: %s, exited %d\n", paths[i], errname(e), WEXITSTATUS(status));
	}

	/* Killed before the exec: the pipe ends as well, only the status tells. */
	int p[2];
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		kill(getpid(), 9);
		_exit(127);
	}
	close(p[1]);
	char c;
	CHECK(read(p[0], &c, 1) == 0);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("killed: signal %d\n", WTERMSIG(status));
	return 0;
}
