// laplace: same
// What execve takes away: close-on-exec descriptors, handlers, the alternate signal stack, mappings, stdio buffers,
// atexit functions.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static void handler(int sig) { _exit(99); }
static void at_exit(void) { printf("atexit ran\n"); }

static int after(char **argv)
{
	setlinebuf(stdout);
	for (int fd = 3; fd < 20; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d open, flags %d\n", fd, fcntl(fd, F_GETFD));
	for (int sig = 1; sig < 32; sig++) {
		struct sigaction sa;
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			printf("SIG%s is %s\n", sigabbrev_np(sig), sa.sa_handler == SIG_IGN ? "ignored" : "caught");
	}
	stack_t ss;
	CHECK(sigaltstack(NULL, &ss) == 0);
	printf("alternate stack disabled: %d\n", ss.ss_flags == SS_DISABLE);

	/* The mapping that was made at a fixed address is gone: the address can be mapped again. */
	void *want = (void *)strtoul(argv[2], NULL, 16);
	void *got = mmap(want, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	printf("mapping gone: %d\n", got == want);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return after(argv);

	for (int fd = 3; fd < 20; fd++)
		close(fd);
	CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) == 3);
	CHECK(open("/dev/null", O_RDONLY) == 4);
	CHECK(dup(3) == 5);                             /* dup clears close-on-exec */
	CHECK(fcntl(4, F_DUPFD_CLOEXEC, 6) == 6);       /* 6 has it */
	CHECK(dup3(4, 8, O_CLOEXEC) == 8);              /* 8 has it */
	CHECK(dup2(3, 9) == 9);                         /* dup2 clears it */
	CHECK(dup2(3, 3) == 3);                         /* dup2 onto itself leaves it */
	int p[2];
	CHECK(pipe2(p, O_CLOEXEC) == 0 && p[0] == 7 && p[1] == 10);
	CHECK(open("/dev/null", O_RDONLY) == 11 && fcntl(11, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) == 12 && fcntl(12, F_SETFD, 0) == 0);

	CHECK(signal(SIGUSR1, handler) != SIG_ERR);
	CHECK(signal(SIGTERM, handler) != SIG_ERR);
	CHECK(signal(SIGINT, SIG_IGN) != SIG_ERR);
	stack_t ss = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	CHECK(sigaltstack(&ss, NULL) == 0);

	/* An address that nothing else uses, in either program. */
	char *fixed = (char *)0x100000000000;
	CHECK(mmap(fixed, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == fixed);

	CHECK(atexit(at_exit) == 0);
	CHECK(setvbuf(stdout, NULL, _IOFBF, 4096) == 0);
	printf("never written\n");
	execl("/proc/self/exe", "prog", "after", "100000000000", NULL);
	FAIL("execl");
}
