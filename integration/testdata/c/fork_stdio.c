// laplace: same
// What stdio has not written yet is copied by fork and written twice; _exit writes it not at all.
#include "check.h"
#include <sys/wait.h>

static void reap(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void at_exit(void) { printf("[atexit]"); }

int main(void)
{
	CHECK(setvbuf(stdout, NULL, _IOFBF, 4096) == 0);
	CHECK(atexit(at_exit) == 0);

	printf("twice ");
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		exit(0); /* writes "twice [atexit]" */
	reap(pid);
	fflush(stdout); /* writes "twice " */

	printf("once\n");
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0); /* writes nothing */
	reap(pid);
	return 0;
}
