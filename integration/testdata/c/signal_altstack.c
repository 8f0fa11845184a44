// laplace: same
// sigaltstack: a handler that survives a stack overflow, flags, errors, and what fork does to it.
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char stack[1 << 16];
static sigjmp_buf back;
static volatile sig_atomic_t on_stack, flags;

static void where(int sig)
{
	char here;
	stack_t now;
	on_stack = &here >= stack && &here < stack + sizeof stack;
	CHECK(sigaltstack(NULL, &now) == 0);
	flags = now.ss_flags;
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	if (on_stack)
		CHECK_ERR(sigaltstack(&other, NULL), EPERM); /* not while it is in use */
}

static void overflowed(int sig)
{
	char here;
	on_stack = &here >= stack && &here < stack + sizeof stack;
	siglongjmp(back, 1);
}

static int __attribute__((noinline)) deeper(int n)
{
	volatile char frame[4096];
	frame[n % 4096] = n;
	return n < 0 ? 0 : deeper(n + 1) + frame[n % 4096];
}

int main(void)
{
	setlinebuf(stdout);
	struct sigaction sa = {.sa_handler = where};
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sa.sa_flags = SA_ONSTACK;
	CHECK(sigaction(SIGUSR2, &sa, NULL) == 0);

	raise(SIGUSR2);
	printf("none set: on it %d, flags %d\n", (int)on_stack, (int)flags);
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
	CHECK(sigaltstack(&ss, &old) == 0 && old.ss_flags == SS_DISABLE);
	raise(SIGUSR1);
	printf("without SA_ONSTACK: on it %d, flags %d\n", (int)on_stack, (int)flags);
	raise(SIGUSR2);
	printf("with SA_ONSTACK: on it %d, flags %d\n", (int)on_stack, (int)flags);

	stack_t small = {.ss_sp = stack, .ss_size = 100}, bad = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 0x77};
	CHECK_ERR(sigaltstack(&small, NULL), ENOMEM);
	CHECK_ERR(sigaltstack(&bad, NULL), EINVAL);

	/* A forked child has it, at the same address in its own memory. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		on_stack = 0;
		raise(SIGUSR2);
		_exit(on_stack ? 5 : 6);
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("child: exited %d\n", WEXITSTATUS(s));

	struct rlimit lim;
	CHECK(getrlimit(RLIMIT_STACK, &lim) == 0);
	lim.rlim_cur = 256 << 10;
	CHECK(setrlimit(RLIMIT_STACK, &lim) == 0);
	sa.sa_handler = overflowed;
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	on_stack = 0;
	if (sigsetjmp(back, 1) == 0)
		printf("%d\n", deeper(0));
	else
		printf("overflow: on it %d\n", (int)on_stack);

	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	raise(SIGUSR2);
	printf("disabled: on it %d\n", (int)on_stack);
	return 0;
}
