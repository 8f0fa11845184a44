// laplace: same
// Faults: siginfo of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP, handlers that jump out or repair, and death without.
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile sig_atomic_t code;
static void *volatile address;
static char *volatile page, *volatile empty; /* empty maps a file that has no bytes */

static void jump(int sig, siginfo_t *si, void *ctx)
{
	code = si->si_code;
	address = si->si_addr;
	siglongjmp(back, sig);
}

static void repair(int sig, siginfo_t *si, void *ctx)
{
	code = si->si_code;
	CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void step_over(int sig, siginfo_t *si, void *ctx)
{
	code = si->si_code;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
}

static void trap(int sig, siginfo_t *si, void *ctx) { code = si->si_code; }

static void set(int sig, void (*f)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static volatile int zero, one = 1;
static void null_read(void) { (void)*(volatile char *)(page - 4096); }
static void null_call(void) { ((void (*)(void))(uintptr_t)zero)(); }
static void read_only(void) { page[8] = 1; }
static void divide(void) { one /= zero; }
static void undefined(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void beyond_file(void) { (void)*(volatile char *)empty; }

static void catch(const char *what, void (*f)(void), void *want)
{
	address = NULL;
	int sig = sigsetjmp(back, 1);
	if (sig == 0) {
		f();
		FAIL("%s: went on", what);
	}
	printf("%s: SIG%s code %d%s\n", what, sigabbrev_np(sig), code, want && address == want ? ", at the address" : "");
}

static void die(const char *what, void (*f)(void))
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		f();
		_exit(0);
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("%s: killed by SIG%s\n", what, WIFSIGNALED(s) ? sigabbrev_np(WTERMSIG(s)) : "none");
}

int main(void)
{
	setlinebuf(stdout);
	int fd = open("empty", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	empty = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(empty != MAP_FAILED);
	char *two = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(two != MAP_FAILED && munmap(two, 4096) == 0);
	page = two + 4096;

	die("read of no page", null_read);
	die("division by zero", divide);
	die("undefined instruction", undefined);
	die("breakpoint", breakpoint);
	die("beyond the file", beyond_file);

	int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	for (int i = 0; i < 4; i++)
		set(sigs[i], jump);
	catch("read of no page", null_read, two);
	catch("call of address 0", null_call, NULL);
	catch("write to a read-only page", read_only, page + 8);
	catch("division by zero", divide, NULL);
	catch("undefined instruction", undefined, (void *)undefined);
	catch("privileged instruction", privileged, NULL);
	catch("beyond the file", beyond_file, empty);

	/* A handler that returns after a repair lets the instruction run again. */
	set(SIGSEGV, repair);
	page[0] = 7;
	printf("repaired: %d, code %d\n", page[0], code);
	set(SIGILL, step_over);
	undefined();
	printf("stepped over: code %d\n", code);
	/* int3 has run when its handler is called. */
	set(SIGTRAP, trap);
	breakpoint();
	printf("breakpoint: code %d\n", code);

	/* A fault in a blocked or ignored signal kills all the same. */
	sigset_t segv;
	sigemptyset(&segv);
	sigaddset(&segv, SIGSEGV);
	CHECK(sigprocmask(SIG_BLOCK, &segv, NULL) == 0);
	die("blocked", null_read);
	CHECK(sigprocmask(SIG_UNBLOCK, &segv, NULL) == 0);
	CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
	die("ignored", null_read);
	return 0;
}
