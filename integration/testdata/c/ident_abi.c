// laplace: pinned refused=*
// Entries of other architectures (int 0x80, x32) cannot get round the policy.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int int80(int nr)
{
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return r;
}

int main(void)
{
	/* x32: on a kernel without that ABI ENOSYS too. */
	errno = 0;
	long r = syscall(0x40000000 | SYS_getpid);
	printf("x32 getpid %ld %s\n", r < 0 ? r : 0, errname(errno));
	if (boxed() && (r != -1 || errno != ENOSYS))
		FAIL("want ENOSYS");
	/* int 0x80 in a child, because a kernel without it sends SIGSEGV. 13 is time of i386. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int t = int80(13), p = int80(20);
		_exit(t == -ENOSYS && p == -ENOSYS ? 38 : 0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("int 0x80: %x\n", status);
	if (boxed())
		CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 38) || (WIFSIGNALED(status)));
	return 0;
}
