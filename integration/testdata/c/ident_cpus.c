// laplace: pinned
// The number of CPUs is 4, however it is asked for, and the program is on one of them.
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

static int cpuinfo(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	CHECK(f != NULL);
	char line[8192];
	int n = 0;
	while (fgets(line, sizeof line, f))
		n += strncmp(line, "processor", 9) == 0;
	CHECK(fclose(f) == 0);
	return n;
}

static int statcpus(void)
{
	FILE *f = fopen("/proc/stat", "r");
	CHECK(f != NULL);
	char line[65536];
	int n = 0;
	while (fgets(line, sizeof line, f))
		n += strncmp(line, "cpu", 3) == 0 && line[3] != ' ';
	CHECK(fclose(f) == 0);
	return n;
}

static void show(const char *path)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
	printf("%s %.*s", path, n < 0 ? 0 : (int)n, buf);
	if (n < 0)
		printf("%s\n", errname(errno));
}

int main(void)
{
	cpu_set_t set;
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	int affine = CPU_COUNT(&set);
	long online = sysconf(_SC_NPROCESSORS_ONLN), configured = sysconf(_SC_NPROCESSORS_CONF);
	printf("affinity %d online %ld configured %ld nprocs %d %d cpuinfo %d stat %d\n", affine, online, configured,
	       get_nprocs(), get_nprocs_conf(), cpuinfo(), statcpus());
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			printf("%d ", i);
	printf("\n");
	if (boxed()) {
		CHECK(affine == 4 && online == 4 && configured == 4 && get_nprocs() == 4 && get_nprocs_conf() == 4);
		CHECK(cpuinfo() == 4 && statcpus() == 4);
		for (int i = 0; i < 4; i++)
			CHECK(CPU_ISSET(i, &set));
	}
	show("/sys/devices/system/cpu/online");
	show("/sys/devices/system/cpu/possible");
	show("/sys/devices/system/cpu/present");

	/* The raw call returns how many bytes it wrote; a size that is too small, or no multiple of 8, is refused. */
	unsigned long mask[16] = {0};
	long n = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
	CHECK(n >= 8 && n % 8 == 0);
	printf("raw %ld %lx\n", n, mask[0]);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 1, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 12, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 99999999, sizeof mask, mask), ESRCH);

	unsigned cpu = 99, node = 99;
	for (int i = 0; i < 50; i++) {
		CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0);
		CHECK(CPU_ISSET(cpu, &set));
		int lib = sched_getcpu(); /* from the rseq area, or the vDSO */
		CHECK(lib >= 0 && CPU_ISSET(lib, &set));
		if (boxed())
			CHECK(lib == (int)cpu);
		if (i == 0)
			printf("getcpu %u %u sched_getcpu %d\n", cpu, node, lib);
	}
	/* A program may bind itself, and then sees that. */
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	CHECK(CPU_EQUAL(&set, &one));
	CHECK(sched_getcpu() == (int)cpu);
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof one, &one), EINVAL);
	return 0;
}
