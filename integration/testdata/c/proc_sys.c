// laplace: pinned refused=*
// /sys shows only what programs need, and nothing of the host's hardware.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>

static void list(const char *path)
{
	DIR *d = opendir(path);
	if (d == NULL) {
		printf("%s %s\n", path, errname(errno));
		return;
	}
	char last[256] = "";
	for (struct dirent *e; (e = readdir(d));) {
		printf("%s/%s\n", path, e->d_name);
		if (e->d_name[0] == '.')
			continue;
		if (boxed())
			CHECK(strcmp(last, e->d_name) < 0);
		snprintf(last, sizeof last, "%s", e->d_name);
	}
	closedir(d);
}

static void show(const char *path)
{
	char buf[4096], again[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
	if (n < 0) {
		printf("%s %s\n", path, errname(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	printf("%s %.*s\n", path, (int)n, buf);
	if (boxed())
		CHECK(pread(fd, again, sizeof again, 0) == n && memcmp(buf, again, n) == 0);
	close(fd);
}

int main(void)
{
	static const char *const dirs[] = {"/sys", "/sys/class", "/sys/class/net", "/sys/class/dmi/id", "/sys/block", "/sys/bus",
					   "/sys/devices", "/sys/devices/system", "/sys/devices/system/cpu",
					   "/sys/devices/system/cpu/cpu0", "/sys/devices/system/cpu/cpu0/cache",
					   "/sys/devices/system/cpu/cpu0/topology", "/sys/devices/system/node", "/sys/fs", "/sys/fs/cgroup",
					   "/sys/kernel", "/sys/kernel/mm", "/sys/firmware", "/sys/hypervisor", "/sys/module", "/sys/power"};
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		list(dirs[i]);
	static const char *const files[] = {
		"/sys/devices/system/cpu/online", "/sys/devices/system/cpu/offline", "/sys/devices/system/cpu/kernel_max",
		"/sys/devices/system/cpu/isolated", "/sys/devices/system/cpu/smt/active",
		"/sys/devices/system/cpu/cpu0/topology/core_id", "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
		"/sys/devices/system/cpu/cpu0/cache/index0/size", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
		"/sys/devices/system/node/online", "/sys/devices/system/node/node0/meminfo",
		"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "/sys/kernel/random/boot_id", "/sys/kernel/uevent_seqnum",
		"/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/sys_vendor", "/sys/class/net/lo/address",
		"/sys/class/net/lo/statistics/rx_bytes", "/sys/class/net/eth0/address", "/sys/block/vda/stat",
		"/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/power/state",
		"/sys/hypervisor/type", "/sys/kernel/notes",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		show(files[i]);
	if (boxed()) {
		CHECK(open("/sys/class/dmi/id/product_uuid", O_RDONLY) < 0);
		CHECK(open("/sys/class/net/eth0/address", O_RDONLY) < 0);
	}
	return 0;
}
