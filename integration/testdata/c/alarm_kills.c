// laplace: same exit=142
// SIGALRM by default ends the process: a child, whose parent is told, and the program itself in a read of a pipe.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static void soon(void)
{
	struct itimerval v = {.it_value = {0, 30000}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

int main(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		soon();
		for (;;)
			pause();
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	CHECK(WIFSIGNALED(s) && WTERMSIG(s) == SIGALRM && !WCOREDUMP(s));
	puts("the child was ended by SIGALRM");
	fflush(stdout);
	int p[2];
	char c;
	CHECK(pipe(p) == 0);
	soon();
	read(p[0], &c, 1);
	puts("not reached");
	return 0;
}
