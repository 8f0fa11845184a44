// laplace: same
// waitpid and wait4: which children they select, WNOHANG, WALL, and their errors.
#include "check.h"
#include <sys/resource.h>
#include <sys/wait.h>

static int gate[2];

/* blocked starts a child that exits with code once a byte arrives in the gate. */
static pid_t blocked(int code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		_exit(read(gate[0], &c, 1) == 1 ? code : 255);
	}
	return pid;
}

static pid_t exiting(int code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(code);
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	int status = 0x5555;
	CHECK(pipe(gate) == 0);

	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &status, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(getpid(), &status, 0), ECHILD);
	CHECK_ERR(waitpid(1, &status, 0), ECHILD);
	CHECK_ERR(waitpid(0x3fffffff, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-0x3fffffff, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &status, 0x1000), EINVAL);
	CHECK_ERR(waitpid(-1, &status, WEXITED), EINVAL); /* an option of waitid alone */
	CHECK(status == 0x5555);
	printf("errors as documented\n");

	/* WNOHANG: nothing yet, then the status, then no child. */
	pid_t a = blocked(11);
	CHECK(waitpid(a, &status, WNOHANG) == 0 && status == 0x5555);
	CHECK(waitpid(-1, &status, WNOHANG) == 0);
	CHECK(waitpid(0, &status, WNOHANG | WUNTRACED | WCONTINUED) == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitpid(a, &status, 0) == a);
	printf("WNOHANG, then blocking: exited %d\n", WEXITSTATUS(status));
	CHECK_ERR(waitpid(a, &status, WNOHANG), ECHILD);

	/* A zombie stays until it is asked for by name: the others are not in its way. */
	pid_t z[4];
	for (int i = 0; i < 4; i++)
		z[i] = exiting(20 + i);
	for (int i = 3; i >= 0; i--) {
		CHECK(waitpid(z[i], &status, 0) == z[i]);
		printf("by name: exited %d\n", WEXITSTATUS(status));
	}

	/* A named wait is not satisfied by another child's exit. */
	a = blocked(31);
	pid_t b = exiting(32);
	siginfo_t si;
	CHECK(waitid(P_PID, b, &si, WEXITED | WNOWAIT) == 0); /* b is dead now, and still there */
	CHECK(waitpid(a, &status, WNOHANG) == 0);
	CHECK(waitpid(-1, &status, WNOHANG) == b);
	printf("any: exited %d\n", WEXITSTATUS(status));
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(wait(&status) == a);
	printf("wait: exited %d\n", WEXITSTATUS(status));

	/* NULL for what the caller does not want; wait3, wait4, __WALL, __WNOTHREAD. */
	struct rusage ru;
	a = exiting(41);
	CHECK(waitpid(a, NULL, 0) == a);
	a = exiting(42);
	CHECK(wait3(&status, 0, &ru) == a && WEXITSTATUS(status) == 42);
	a = exiting(43);
	CHECK(wait4(a, &status, __WALL | __WNOTHREAD, NULL) == a && WEXITSTATUS(status) == 43);
	a = exiting(44);
	CHECK(wait4(-1, NULL, 0, &ru) == a);
	CHECK_ERR(wait4(-1, &status, 0, &ru), ECHILD);

	/* A bad address is found out too late: the child is gone. */
	void *volatile bad = (void *)8;
	a = exiting(45);
	CHECK_ERR(waitpid(a, bad, 0), EFAULT);
	CHECK_ERR(waitpid(a, &status, 0), ECHILD);
	printf("done\n");
	return 0;
}
