// laplace: pinned
// Process ids: placed, and everywhere the same.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(void)
{
	pid_t self = getpid(), parent = getppid();
	printf("pid %d ppid %d pgrp %d sid %d tid %ld\n", self, parent, getpgrp(), getsid(0), syscall(SYS_gettid));
	CHECK(syscall(SYS_getpid) == self && syscall(SYS_gettid) == self && syscall(SYS_getppid) == parent);
	CHECK(getpgid(0) == getpgrp() && getpgid(self) == getpgrp() && getsid(self) == getsid(0));
	CHECK(kill(self, 0) == 0);
	char link[32] = {0}, want[16];
	CHECK(readlink("/proc/self", link, sizeof link - 1) > 0);
	snprintf(want, sizeof want, "%d", self);
	CHECK(strcmp(link, want) == 0);
	if (boxed()) {
		CHECK(self >= 300 && self <= 4194303);
		CHECK(parent == 1);
	}
	pid_t last = 0;
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(getppid() != self);
		CHECK(pid != self && pid != last);
		if (boxed())
			CHECK(pid >= 300 && pid <= 4194303);
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		CHECK_ERR(kill(pid, 0), ESRCH);
		printf("child %d\n", pid);
		last = pid;
	}
	/* 40 at once: all different. */
	pid_t all[40];
	int hold[2];
	CHECK(pipe(hold) == 0);
	for (int i = 0; i < 40; i++) {
		all[i] = fork();
		CHECK(all[i] >= 0);
		if (all[i] == 0) {
			char c;
			close(hold[1]);
			_exit(read(hold[0], &c, 1) != 0);
		}
		for (int j = 0; j < i; j++)
			CHECK(all[i] != all[j]);
	}
	CHECK(close(hold[1]) == 0);
	int status;
	for (int i = 0; i < 40; i++) {
		CHECK(waitpid(all[i], &status, 0) == all[i] && status == 0);
		printf("%d ", all[i]);
	}
	printf("\n");
	CHECK_ERR(getsid(-1), ESRCH);
	CHECK_ERR(getpgid(-5), ESRCH);
	return 0;
}
