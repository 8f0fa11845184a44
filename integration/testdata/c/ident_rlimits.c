// laplace: pinned
// Resource limits do not come from the caller, and the three ways of reading them agree.
#include "check.h"
#include <sys/resource.h>
#include <sys/syscall.h>

int main(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit lib;
		struct rlimit64 raw;
		uint64_t old[2];
		CHECK(getrlimit(i, &lib) == 0);
		CHECK(prlimit64(getpid(), i, NULL, &raw) == 0);
		CHECK(syscall(SYS_getrlimit, i, old) == 0);
		CHECK(lib.rlim_cur == raw.rlim_cur && lib.rlim_max == raw.rlim_max);
		CHECK(lib.rlim_cur == old[0] && lib.rlim_max == old[1]);
		CHECK(lib.rlim_cur <= lib.rlim_max);
		printf("%d %lx %lx\n", i, lib.rlim_cur, lib.rlim_max);
	}
	CHECK_ERR(getrlimit(RLIM_NLIMITS, (struct rlimit *)&(struct rlimit64){0}), EINVAL);
	CHECK_ERR(syscall(SYS_prlimit64, 99999999, 0, NULL, NULL), ESRCH);
	CHECK_ERR(syscall(SYS_getrlimit, 0, 8), EFAULT);
	/* /proc/self/limits shows the open file limit that getrlimit tells. */
	FILE *f = fopen("/proc/self/limits", "r");
	CHECK(f != NULL);
	char line[256];
	int found = 0;
	struct rlimit n;
	CHECK(getrlimit(RLIMIT_NOFILE, &n) == 0);
	while (fgets(line, sizeof line, f)) {
		unsigned long soft, hard;
		if (sscanf(line, "Max open files %lu %lu", &soft, &hard) == 2) {
			found = 1;
			CHECK(soft == n.rlim_cur && hard == n.rlim_max);
		}
		printf("%s", line);
	}
	CHECK(found && fclose(f) == 0);
	printf("stack %lx priority %d\n", sysconf(_SC_ARG_MAX), getpriority(PRIO_PROCESS, 0));
	return 0;
}
