// laplace: same
// A timer of setitimer is not a forked child's, and is still there after an exec, with what was left; so is a pending signal.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	struct itimerval v, off = {{0, 0}, {0, 0}};
	if (argc > 1) {
		CHECK(getitimer(ITIMER_REAL, &v) == 0);
		CHECK(v.it_interval.tv_sec == 7 && v.it_value.tv_sec >= 80 && v.it_value.tv_sec < 100);
		CHECK(getitimer(ITIMER_PROF, &v) == 0);
		CHECK(v.it_interval.tv_sec == 0 && v.it_value.tv_sec >= 40 && v.it_value.tv_sec <= 50);
		CHECK(getitimer(ITIMER_VIRTUAL, &v) == 0);
		CHECK(v.it_value.tv_sec == 0 && v.it_value.tv_usec == 0);
		CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
		sigset_t set;
		CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) == 1);
		puts("still there after an exec");
		return 0;
	}
	v = (struct itimerval){{7, 0}, {100, 0}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(getitimer(ITIMER_REAL, &v) == 0);
		CHECK(v.it_value.tv_sec == 0 && v.it_value.tv_usec == 0 && v.it_interval.tv_sec == 0);
		CHECK(alarm(3) == 0);
		_exit(0);
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	puts("not in a child");
	fflush(stdout);
	v = (struct itimerval){{0, 0}, {50, 0}};
	CHECK(setitimer(ITIMER_PROF, &v, NULL) == 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0);
	execl("/proc/self/exe", argv[0], "again", NULL);
	FAIL("exec");
}
