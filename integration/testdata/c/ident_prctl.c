// laplace: pinned refused=prctl,arch_prctl
// prctl, arch_prctl and personality by option: what a box does to the process is not to be seen.
#include "check.h"
#include <asm/prctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(void)
{
	static const struct {
		int option;
		const char *name;
	} gets[] = {
		{PR_GET_PDEATHSIG, "PDEATHSIG"}, {PR_GET_DUMPABLE, "DUMPABLE"}, {PR_GET_KEEPCAPS, "KEEPCAPS"},
		{PR_GET_TIMING, "TIMING"}, {PR_GET_SECCOMP, "SECCOMP"}, {PR_GET_TSC, "TSC"},
		{PR_GET_SECUREBITS, "SECUREBITS"}, {PR_GET_TIMERSLACK, "TIMERSLACK"}, {PR_MCE_KILL_GET, "MCE_KILL"},
		{PR_GET_CHILD_SUBREAPER, "CHILD_SUBREAPER"}, {PR_GET_NO_NEW_PRIVS, "NO_NEW_PRIVS"},
		{PR_GET_TID_ADDRESS, "TID_ADDRESS"}, {PR_GET_THP_DISABLE, "THP_DISABLE"}, {PR_GET_IO_FLUSHER, "IO_FLUSHER"},
		{PR_TASK_PERF_EVENTS_DISABLE, "TASK_PERF_EVENTS_DISABLE"}, {PR_GET_FPEMU, "FPEMU"}, {PR_GET_UNALIGN, "UNALIGN"},
		{PR_GET_ENDIAN, "ENDIAN"}, {12345, "12345"},
	};
	for (size_t i = 0; i < sizeof gets / sizeof *gets; i++) {
		long v[2] = {0, 0};
		errno = 0;
		int takes_pointer = gets[i].option == PR_GET_PDEATHSIG || gets[i].option == PR_GET_TSC ||
				    gets[i].option == PR_GET_TID_ADDRESS || gets[i].option == PR_GET_CHILD_SUBREAPER;
		long r = syscall(SYS_prctl, gets[i].option, takes_pointer ? (long)v : 0, 0, 0, 0);
		printf("%s %ld %lx %s\n", gets[i].name, r, gets[i].option == PR_GET_TID_ADDRESS ? 0 : v[0], errname(errno));
	}
	int tsc = 0;
	CHECK(prctl(PR_GET_TSC, &tsc) == 0 && tsc == PR_TSC_ENABLE);
	CHECK(prctl(PR_GET_SECCOMP) == 0);
	CHECK(prctl(PR_GET_DUMPABLE) == 1);
	char name[16];
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "prog") == 0);
	CHECK(prctl(PR_SET_NAME, "a name longer than fifteen") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a name longer t") == 0);
	CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
	CHECK_ERR(prctl(12345, 0, 0, 0, 0), EINVAL);

	/* The program cannot take back what the box set. */
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	printf("rdtsc %lu\n", (uint64_t)hi << 32 | lo);

	unsigned long fs = 0;
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs != 0);
	errno = 0;
	long r = syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0);
	printf("ARCH_GET_CPUID %ld %s\n", r, errname(errno));
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);

	printf("personality %x\n", personality(0xffffffff));
	return 0;
}
