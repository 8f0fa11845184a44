// laplace: pinned
// Pids are a function of the process tree: what fork returns, what getpid and getppid say, and what /proc shows.
#include "check.h"
#include <sys/syscall.h>
#include <sys/wait.h>

static void show(const char *who)
{
	printf("%s: pid %d ppid %d pgid %d sid %d tid %ld\n", who, getpid(), getppid(), getpgid(0), getsid(0),
	       (long)syscall(SYS_gettid));
}

int main(void)
{
	setlinebuf(stdout);
	show("parent");
	CHECK(getpgid(getpid()) == getpgid(0));
	if (boxed()) {
		CHECK(getpid() > 1 && getpid() <= 4194303);
		/* Group and session are the box's own: a foreign one would show as 0. */
		CHECK(getpgid(0) > 0 && getsid(0) > 0);
	}
	for (int n = 0; n < 8; n++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			show("child");
			pid_t grandchild = fork();
			CHECK(grandchild >= 0);
			if (grandchild == 0) {
				show("grandchild");
				_exit(0);
			}
			CHECK(waitpid(grandchild, NULL, 0) == grandchild);
			printf("forked %d\n", grandchild);
			_exit(0);
		}
		CHECK(waitpid(pid, NULL, 0) == pid);
		printf("forked %d\n", pid);
	}
	/* Children that live at once have pids of their own. */
	pid_t pids[16];
	int gate[2];
	CHECK(pipe(gate) == 0);
	for (int n = 0; n < 16; n++) {
		pids[n] = fork();
		CHECK(pids[n] >= 0);
		if (pids[n] == 0) {
			char c;
			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? n : 255);
		}
		for (int m = 0; m < n; m++)
			CHECK(pids[m] != pids[n]);
	}
	close(gate[1]);
	for (int n = 0; n < 16; n++) {
		int status;
		CHECK(waitpid(pids[n], &status, 0) == pids[n] && WEXITSTATUS(status) == n);
		printf("%d ", pids[n]);
	}
	printf("\n");
	return 0;
}
