// laplace: same
// setsid, getsid, setpgid, getpgid: what a child inherits, what it may change and what is refused.
#include "check.h"
#include <sys/wait.h>

static void reap(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

int main(void)
{
	setlinebuf(stdout);
	pid_t self = getpid(), group = getpgrp(), session = getsid(0);
	CHECK(getpgid(0) == group && getpgid(self) == group && getsid(self) == session);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(getpgrp() == group && getsid(0) == session);
		CHECK(setsid() == getpid());
		CHECK(getpgrp() == getpid() && getsid(0) == getpid());
		CHECK_ERR(setsid(), EPERM);              /* a group leader */
		CHECK_ERR(setpgid(0, 0), EPERM);         /* a session leader */
		CHECK_ERR(setpgid(0, group), EPERM);     /* another session's group */
		CHECK_ERR(setpgid(self, 0), ESRCH);      /* not a child */
		CHECK_ERR(setpgid(0, -1), EINVAL);
		CHECK_ERR(getpgid(0x3ffffff), ESRCH);
		CHECK_ERR(getsid(0x3ffffff), ESRCH);
		CHECK(getsid(self) == session); /* Linux tells sessions apart but hides none */
		_exit(0);
	}
	reap(pid);
	printf("setsid\n");

	/* Parent and child both set the child's group, as shells do: whoever comes second changes nothing. */
	int up[2], down[2];
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		CHECK(setpgid(0, 0) == 0);
		CHECK(getpgrp() == getpid());
		CHECK(write(up[1], "u", 1) == 1);
		CHECK(read(down[0], &c, 1) == 1);
		_exit(0);
	}
	CHECK(setpgid(pid, pid) == 0);
	CHECK(getpgid(pid) == pid && getsid(pid) == session);
	char c;
	CHECK(read(up[0], &c, 1) == 1);
	CHECK(getpgid(pid) == pid);

	/* A second child joins the first one's group. */
	pid_t second = fork();
	CHECK(second >= 0);
	if (second == 0) {
		CHECK(setpgid(0, pid) == 0);
		CHECK(getpgrp() == pid);
		CHECK(setpgid(0, group) == 0);
		CHECK(getpgrp() == group);
		_exit(0);
	}
	reap(second);
	CHECK(write(down[1], "d", 1) == 1);
	reap(pid);
	CHECK_ERR(getpgid(pid), ESRCH);
	CHECK_ERR(setpgid(pid, pid), ESRCH);
	printf("setpgid\n");

	/* Once a child has executed, its parent may not move it any more. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(down[0], 0);
		dup2(up[1], 1);
		execl("/bin/sh", "sh", "-c", "echo started; read line", NULL);
		_exit(127);
	}
	char line[8];
	CHECK(read(up[0], line, sizeof line) == 8);
	CHECK_ERR(setpgid(pid, pid), EACCES);
	CHECK(getpgid(pid) == group);
	CHECK(write(down[1], "go\n", 3) == 3);
	reap(pid);
	printf("no setpgid after exec\n");
	return 0;
}
