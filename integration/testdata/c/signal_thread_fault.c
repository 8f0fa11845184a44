// laplace: same
// Faults in threads: the handler runs in the thread that faulted, on its own signal stack, and is told where; one without a handler ends the process, with no core.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static __thread sigjmp_buf back;
static __thread char stack[65536];
static __thread char *volatile target;
static __thread int onStack, right, code;

static void handler(int sig, siginfo_t *info, void *context)
{
	char here;
	onStack = &here >= stack && &here < stack + sizeof stack;
	right = info->si_addr == target;
	code = info->si_code;
	siglongjmp(back, sig);
}

static void *faults(void *arg)
{
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
	CHECK(sigaltstack(&ss, &old) == 0 && (old.ss_flags & SS_DISABLE));
	char *map = arg;
	long result = 0;
	for (volatile int i = 0; i < 3; i++) {
		target = map + i * 4096;
		int sig = sigsetjmp(back, 1);
		if (sig == 0) {
			*target = 1;
			FAIL("went on");
		}
		result = result * 1000 + sig * 10 + code;
		CHECK(onStack && right);
	}
	return (void *)result;
}

static void *dies(void *arg)
{
	*(volatile char *)arg = 1;
	return NULL;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	CHECK(sigaction(SIGSEGV, &act, NULL) == 0 && sigaction(SIGBUS, &act, NULL) == 0);
	// A page that is not writable, one that is not there, one beyond a file's end.
	char *map = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("empty", 0);
	CHECK(map != MAP_FAILED && fd >= 0);
	CHECK(mprotect(map + 4096, 4096, PROT_NONE) == 0 && munmap(map + 4096, 4096) == 0);
	CHECK(mmap(map + 2 * 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED);
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, faults, map) == 0);
	for (int i = 0; i < 2; i++) {
		void *r;
		CHECK(pthread_join(t[i], &r) == 0);
		printf("thread %d: %ld\n", i, (long)r);
	}
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
		struct rlimit none = {0, 0};
		CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
		CHECK(pthread_create(&t[0], NULL, dies, map) == 0);
		for (;;)
			pause();
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	CHECK(WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && !WCOREDUMP(s));
	puts("ended by SIGSEGV");
	return 0;
}
