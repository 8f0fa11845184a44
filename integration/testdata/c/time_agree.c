// laplace: pinned
// time, gettimeofday and clock_gettime, by library and by raw call, tell one time.
#include "check.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

int main(void)
{
	struct timespec ts;
	struct timeval tv, raw;
	struct timezone tz = {77, 77};
	for (int i = 0; i < 100; i++) {
		/* time() may lag by a tick of the coarse clock, so it comes first. */
		time_t t = time(NULL);
		time_t u = syscall(SYS_time, NULL);
		CHECK(gettimeofday(&tv, NULL) == 0);
		CHECK(syscall(SYS_gettimeofday, &raw, &tz) == 0);
		CHECK(clock_gettime(CLOCK_REALTIME, &ts) == 0);
		CHECK(t <= u && u <= tv.tv_sec);
		CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
		CHECK(tv.tv_sec < raw.tv_sec || (tv.tv_sec == raw.tv_sec && tv.tv_usec <= raw.tv_usec));
		CHECK(raw.tv_sec < ts.tv_sec || (raw.tv_sec == ts.tv_sec && raw.tv_usec <= ts.tv_nsec / 1000));
		if (boxed())
			CHECK(ts.tv_sec - t <= 1);
		if (i % 20 == 0)
			printf("%ld %ld %ld.%06ld %ld.%06ld %ld.%09ld\n", t, u, tv.tv_sec, tv.tv_usec, raw.tv_sec,
			       raw.tv_usec, ts.tv_sec, ts.tv_nsec);
	}
	printf("zone %d %d\n", tz.tz_minuteswest, tz.tz_dsttime);
	time_t stored = 0;
	time_t got = syscall(SYS_time, &stored);
	CHECK(got == stored);
	CHECK_ERR(syscall(SYS_time, 8), EFAULT);
	CHECK_ERR(syscall(SYS_gettimeofday, 8, NULL), EFAULT);
	/* The broken-down time is in UTC, whatever zone the host or the caller has. */
	struct tm *tm = localtime(&got);
	printf("%s %ld %s", tm->tm_zone, tm->tm_gmtoff, asctime(tm));
	CHECK(tm->tm_gmtoff == 0);
	return 0;
}
