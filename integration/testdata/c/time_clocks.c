// laplace: pinned
// Every clock, read through the vDSO and by the raw call, is one clock: reads of it never go back.
#include "check.h"
#include <sys/syscall.h>
#include <time.h>

static const struct {
	clockid_t id;
	const char *name;
} clocks[] = {
	{CLOCK_REALTIME, "REALTIME"},
	{CLOCK_MONOTONIC, "MONOTONIC"},
	{CLOCK_PROCESS_CPUTIME_ID, "PROCESS_CPUTIME_ID"},
	{CLOCK_THREAD_CPUTIME_ID, "THREAD_CPUTIME_ID"},
	{CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"},
	{CLOCK_REALTIME_COARSE, "REALTIME_COARSE"},
	{CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
	{CLOCK_BOOTTIME, "BOOTTIME"},
	{CLOCK_REALTIME_ALARM, "REALTIME_ALARM"},
	{CLOCK_BOOTTIME_ALARM, "BOOTTIME_ALARM"},
	{10, "10"},
	{CLOCK_TAI, "TAI"},
	{12, "12"},
	{99, "99"},
};

static int64_t ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

int main(void)
{
	struct timespec a, b, c, d;
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		clockid_t id = clocks[i].id;
		errno = 0;
		int lib = clock_gettime(id, &a);
		int lib_errno = errno;
		errno = 0;
		long raw = syscall(SYS_clock_gettime, id, &b);
		if (lib != raw || lib_errno != errno)
			FAIL("%s: library %d %s, raw %ld", clocks[i].name, lib, errname(lib_errno), raw);
		if (lib != 0) {
			printf("%-18s %s\n", clocks[i].name, errname(lib_errno));
			continue;
		}
		CHECK(clock_gettime(id, &c) == 0);
		CHECK(syscall(SYS_clock_gettime, id, &d) == 0);
		CHECK(a.tv_nsec >= 0 && a.tv_nsec < 1000000000);
		if (ns(a) > ns(b) || ns(b) > ns(c) || ns(c) > ns(d))
			FAIL("%s goes back: %ld %ld %ld %ld", clocks[i].name, ns(a), ns(b), ns(c), ns(d));
		printf("%-18s %ld %ld %ld %ld\n", clocks[i].name, ns(a), ns(b), ns(c), ns(d));
	}
	CHECK_ERR(syscall(SYS_clock_gettime, 99, &a), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);

	/* The CPU clock of a process by its pid is that of the process itself. */
	clockid_t own;
	CHECK(clock_getcpuclockid(getpid(), &own) == 0);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0 && clock_gettime(own, &b) == 0);
	CHECK(ns(a) <= ns(b) && ns(b) - ns(a) < 500000000);

	if (boxed()) {
		/* Time starts at the epoch, plus the second that keeps it after every stamp. */
		int64_t epoch = atoll(getenv("SOURCE_DATE_EPOCH"));
		CHECK(clock_gettime(CLOCK_REALTIME, &a) == 0);
		CHECK(a.tv_sec >= epoch + 1 && a.tv_sec <= epoch + 2);
	}
	return 0;
}
