// laplace: pinned flags="--cpus 3"
// --cpus says how many CPUs the program sees.
#include "check.h"
#include <sched.h>

int main(void)
{
	cpu_set_t set;
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	printf("%d %ld %ld\n", CPU_COUNT(&set), n, sysconf(_SC_NPROCESSORS_CONF));
	if (boxed())
		CHECK(CPU_COUNT(&set) == 3 && n == 3 && sysconf(_SC_NPROCESSORS_CONF) == 3);
	return 0;
}
