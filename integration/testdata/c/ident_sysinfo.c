// laplace: pinned
// sysinfo: memory, load and uptime do not show the host's.
#include "check.h"
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>

int main(void)
{
	struct sysinfo a, b;
	CHECK(sysinfo(&a) == 0);
	char *p = malloc(32 << 20);
	memset(p, 1, 32 << 20);
	CHECK(sysinfo(&b) == 0);
	printf("uptime %ld loads %lu %lu %lu totalram %lu freeram %lu sharedram %lu bufferram %lu totalswap %lu freeswap %lu "
	       "procs %u totalhigh %lu freehigh %lu unit %u\n",
	       b.uptime, b.loads[0], b.loads[1], b.loads[2], b.totalram, b.freeram, b.sharedram, b.bufferram, b.totalswap,
	       b.freeswap, b.procs, b.totalhigh, b.freehigh, b.mem_unit);
	CHECK(b.totalram == a.totalram && b.freeram <= b.totalram && b.uptime >= a.uptime);
	if (boxed())
		CHECK(b.freeram == a.freeram && b.procs == a.procs);
	struct timespec t;
	CHECK(clock_gettime(CLOCK_BOOTTIME, &t) == 0 && t.tv_sec >= b.uptime - 1);
	printf("get_phys_pages %ld get_avphys_pages %ld\n", get_phys_pages(), get_avphys_pages());
	CHECK((uint64_t)get_phys_pages() * 4096 / b.mem_unit <= b.totalram + 4096);
	double loads[3] = {-1, -1, -1};
	int n = getloadavg(loads, 3);
	printf("getloadavg %d %f %f %f\n", n, loads[0], loads[1], loads[2]);
	CHECK_ERR(syscall(SYS_sysinfo, 8), EFAULT);
	return 0;
}
