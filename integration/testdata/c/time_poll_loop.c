// laplace: pinned
// A loop that waits for the clock to pass a deadline ends.
#include "check.h"
#include <time.h>

int main(void)
{
	time_t limit = boxed() ? 30 : 0;
	struct timespec start, t;
	CHECK(clock_gettime(CLOCK_REALTIME, &start) == 0);
	long reads = 0;
	do {
		CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
		reads++;
	} while (t.tv_sec - start.tv_sec < limit || (t.tv_sec - start.tv_sec == limit && t.tv_nsec <= start.tv_nsec));
	printf("%ld reads\n", boxed() ? reads : 0);
	return 0;
}
