// laplace: same
// Timers of timer_create are not a forked child's, and gone after an exec; with them goes what they would have done.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct itimerspec s = {{0, 0}, {0, 30000000}};
	struct timespec d = {0, 80000000};
	int t, u;
	if (argc > 1) {
		for (int i = 0; i < 8; i++)
			CHECK_ERR(syscall(SYS_timer_gettime, i, &s), EINVAL);
		CHECK(nanosleep(&d, NULL) == 0); // SIGALRM would end it
		puts("none after an exec");
		return 0;
	}
	CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &t) == 0);
	CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &u) == 0);
	CHECK(u == t + 1);
	CHECK(syscall(SYS_timer_settime, t, 0, &s, NULL) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_ERR(syscall(SYS_timer_gettime, t, &s), EINVAL);
		CHECK(nanosleep(&d, NULL) == 0);
		CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &u) == 0);
		printf("a child's first is %d\n", u);
		fflush(stdout);
		_exit(0);
	}
	sigset_t set;
	int got, status;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(sigwait(&set, &got) == 0 && got == SIGALRM);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	puts("the parent's expired");
	fflush(stdout);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(syscall(SYS_timer_settime, u, 0, &s, NULL) == 0);
	execl("/proc/self/exe", argv[0], "again", NULL);
	FAIL("exec");
}
