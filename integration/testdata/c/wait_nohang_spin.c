// laplace: same
// Loops that only ask and never sleep: the one that is waited for must still get its turn.
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int status;

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(1);
	pid_t got;
	while ((got = waitpid(pid, &status, WNOHANG)) == 0)
		;
	CHECK(got == pid);
	printf("waitpid: exited %d\n", WEXITSTATUS(status));

	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(2);
	while ((got = waitpid(-1, &status, WNOHANG)) == 0)
		sched_yield();
	CHECK(got == pid);
	printf("sched_yield: exited %d\n", WEXITSTATUS(status));

	int p[2];
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(write(p[1], "x", 1) == 1 ? 3 : 255);
	char c;
	ssize_t n;
	while ((n = read(p[0], &c, 1)) < 0)
		if (errno != EAGAIN)
			FAIL("read");
	printf("read: %zd %c\n", n, c);
	while (kill(pid, 0) == 0)
		waitpid(pid, &status, WNOHANG);
	printf("kill 0: exited %d\n", WEXITSTATUS(status));

	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int fd = open("made", O_CREAT | O_WRONLY, 0644);
		_exit(fd >= 0 ? 4 : 255);
	}
	while (access("made", F_OK) != 0)
		;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("access: exited %d\n", WEXITSTATUS(status));
	return 0;
}
