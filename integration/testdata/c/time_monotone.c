// laplace: pinned
// 5,000,000 reads never go back, and a program that polls the clock sees time pass.
#include "check.h"
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec t;
	CHECK(clock_gettime(id, &t) == 0);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	int64_t start = now(CLOCK_MONOTONIC), last = start, distinct = 0;
	for (int i = 0; i < 5000000; i++) {
		int64_t t = now(i % 1000 ? CLOCK_MONOTONIC : CLOCK_BOOTTIME);
		if (i % 1000 == 0)
			continue; /* another clock: read, so that it takes part, but not compared */
		if (t < last)
			FAIL("read %d went back from %ld to %ld", i, last, t);
		distinct += t > last;
		last = t;
	}
	printf("elapsed %ld ns, %ld distinct\n", last - start, distinct);
	/* After 4,000,000 reads that cost no call each costs a millisecond. */
	if (boxed())
		CHECK(last - start > 900 * 1000000000LL && last - start < 1100 * 1000000000LL);
	return 0;
}
