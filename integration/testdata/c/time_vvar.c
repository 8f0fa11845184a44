// laplace: pinned refused=arch_prctl!
// The pages before the vDSO from which its functions take the time cannot be read, in a new program, in a forked one and after an exec.
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PAGE = 4096 };

static sigjmp_buf away;

static void fault(int sig) { siglongjmp(away, sig); }

/* readable reports whether a load from the page at p works. */
static int readable(const char *p)
{
	volatile const char *at = p;
	if (sigsetjmp(away, 1) != 0)
		return 0;
	(void)*at;
	return 1;
}

/* data counts the readable pages that /proc/self/maps calls [vvar...], and those before the vDSO that it does not name. */
static int data(void)
{
	unsigned long vdso = getauxval(AT_SYSINFO_EHDR), known[64], lo, hi;
	int count = 0, n = 0;
	char line[512], name[256];
	FILE *f = fopen("/proc/self/maps", "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f)) {
		name[0] = 0;
		CHECK(sscanf(line, "%lx-%lx %*s %*s %*s %*s %255[^\n]", &lo, &hi, name) >= 2);
		for (unsigned long p = lo; p < hi; p += PAGE) {
			if (strncmp(name, "[vvar", 5) == 0)
				count += readable((const char *)p);
			if (p < vdso && p >= vdso - 16 * PAGE)
				known[n++] = p;
		}
	}
	fclose(f);
	for (unsigned long p = vdso - 16 * PAGE; p < vdso; p += PAGE) {
		int listed = 0;
		for (int i = 0; i < n; i++)
			listed |= known[i] == p;
		if (!listed)
			count += readable((const char *)p);
	}
	return count;
}

int main(int argc, char **argv)
{
	if (getauxval(AT_SYSINFO_EHDR) == 0) {
		printf("no vDSO\n");
		return 0;
	}
	struct sigaction sa = {.sa_handler = fault};
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	int n = data();
	printf("%s: %d\n", argc > 1 ? argv[1] : "first", n);
	if (boxed() ? n != 0 : n == 0)
		FAIL("%d data pages can be read", n);
	if (argc > 1)
		return 0;
	fflush(stdout);
	/* ARCH_MAP_VDSO_64 would map them anew; a kernel without it says EINVAL. */
	if (boxed())
		CHECK_ERR(syscall(SYS_arch_prctl, 0x2003, 0x10000000), EINVAL);
	int status;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (data() != n)
			FAIL("forked: %d", data());
		execl(argv[0], argv[0], "again", NULL);
		FAIL("exec");
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
