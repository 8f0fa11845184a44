// laplace: pinned
// Generators of the C library: those that seed themselves, and those that programs seed badly.
#include "check.h"
#include <time.h>

int main(void)
{
	printf("rand %d %d %ld %ld\n", rand(), rand(), random(), lrand48()); /* fixed by the standard's seed 1 */
	uint32_t a = arc4random(), b = arc4random(), c = arc4random_uniform(1000000);
	unsigned char buf[40];
	arc4random_buf(buf, sizeof buf);
	CHECK(a != b || b != c);
	printf("arc4random %u %u %u %02x%02x\n", a, b, c, buf[0], buf[39]);
	struct timespec t;
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	srand(time(NULL) ^ getpid() ^ (uintptr_t)&t ^ t.tv_nsec);
	printf("seeded by time, pid and stack %d %d\n", rand(), rand());
	srand48((uintptr_t)malloc(1) ^ clock());
	printf("seeded by heap and CPU time %ld %f\n", lrand48(), drand48());
	return 0;
}
