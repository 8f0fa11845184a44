// laplace: same
// A zombie: it has a pid, a group and a line in /proc, takes signals, and is gone once it is waited for.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* state is the one-letter state in /proc/PID/stat. */
static char state(pid_t pid)
{
	char path[64], buf[512];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return '-';
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	CHECK(n > 0);
	buf[n] = 0;
	char *p = strrchr(buf, ')');
	CHECK(p && p[1] == ' ');
	return p[2];
}

int main(void)
{
	setlinebuf(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(3);
	siginfo_t si;
	CHECK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0);

	printf("state %c\n", state(pid));
	CHECK(kill(pid, 0) == 0);
	CHECK(kill(pid, SIGKILL) == 0); /* to no effect */
	CHECK(getpgid(pid) == getpgrp());
	CHECK(getsid(pid) == getsid(0));
	char path[64], buf[64];
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, sizeof buf) == 0);
	close(fd);
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	CHECK_ERR(readlink(path, buf, sizeof buf), ENOENT);

	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("exited %d\n", WEXITSTATUS(status));
	printf("state %c\n", state(pid));
	CHECK_ERR(kill(pid, 0), ESRCH);
	CHECK_ERR(getpgid(pid), ESRCH);
	CHECK_ERR(getsid(pid), ESRCH);

	/* A stopped child shows T, never the tracer's t; a child blocked in read shows S. */
	int gate[2];
	CHECK(pipe(gate) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		raise(SIGSTOP);
		_exit(read(gate[0], &c, 1));
	}
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	printf("state %c\n", state(pid));
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 1);
	return 0;
}
