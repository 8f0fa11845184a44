// laplace: pinned refused=*
// Every file of /proc that shows the host: missing, or the same on every host, and the same when read again.
#include "check.h"
#include <fcntl.h>

static char a[1 << 20], b[1 << 20];

/* slurp reads a file in pieces of the given size; -1 with errno if it cannot. */
static ssize_t slurp(const char *path, char *buf, size_t size, size_t piece)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return -1;
	size_t n = 0;
	for (;;) {
		ssize_t r = read(fd, buf + n, piece < size - n ? piece : size - n);
		if (r < 0) {
			int e = errno;
			close(fd);
			errno = e;
			return -1;
		}
		if (r == 0)
			break;
		n += r;
	}
	close(fd);
	return n;
}

int main(void)
{
	static const char *const files[] = {
		"buddyinfo", "cgroups", "cmdline", "config.gz", "consoles", "cpuinfo", "crypto", "devices", "diskstats", "dma",
		"execdomains", "fb", "filesystems", "interrupts", "iomem", "ioports", "kallsyms", "key-users", "keys", "kmsg",
		"kpagecgroup", "kpagecount", "kpageflags", "loadavg", "locks", "mdstat", "meminfo", "misc", "modules", "mounts",
		"mtrr", "net/arp", "net/dev", "net/fib_trie", "net/netstat", "net/route", "net/sockstat", "net/snmp", "net/tcp",
		"net/tcp6", "net/udp", "net/unix", "net/if_inet6", "net/packet", "net/protocols", "pagetypeinfo", "partitions",
		"pressure/cpu", "pressure/io", "pressure/memory", "sched_debug", "schedstat", "slabinfo", "softirqs", "stat",
		"swaps", "timer_list", "tty/drivers", "uptime", "version", "version_signature", "vmallocinfo", "vmstat", "zoneinfo",
		"sys/fs/dentry-state", "sys/fs/file-max", "sys/fs/file-nr", "sys/fs/inode-nr", "sys/fs/inode-state",
		"sys/fs/nr_open", "sys/fs/pipe-max-size", "sys/fs/pipe-user-pages-soft", "sys/fs/protected_hardlinks",
		"sys/fs/mqueue/msg_max", "sys/fs/inotify/max_user_watches", "sys/kernel/arch", "sys/kernel/bootloader_type",
		"sys/kernel/cap_last_cap", "sys/kernel/core_pattern", "sys/kernel/domainname", "sys/kernel/hostname",
		"sys/kernel/keys/maxkeys", "sys/kernel/ngroups_max", "sys/kernel/ns_last_pid", "sys/kernel/osrelease",
		"sys/kernel/ostype", "sys/kernel/overflowuid", "sys/kernel/perf_event_paranoid", "sys/kernel/pid_max",
		"sys/kernel/pty/nr", "sys/kernel/random/boot_id", "sys/kernel/random/entropy_avail",
		"sys/kernel/random/poolsize", "sys/kernel/random/urandom_min_reseed_secs", "sys/kernel/randomize_va_space",
		"sys/kernel/sem", "sys/kernel/shmmax", "sys/kernel/tainted", "sys/kernel/threads-max", "sys/kernel/version",
		"sys/kernel/yama/ptrace_scope", "sys/net/core/somaxconn", "sys/net/ipv4/ip_local_port_range",
		"sys/vm/max_map_count", "sys/vm/mmap_min_addr", "sys/vm/nr_hugepages", "sys/vm/overcommit_memory",
		"sys/vm/overcommit_ratio", "sys/vm/swappiness", "sys/vm/stat_interval", "sysvipc/msg", "sysvipc/sem", "sysvipc/shm",
		"acpi/wakeup", "bus/pci/devices", "driver/rtc", "irq/default_smp_affinity", "fs/ext4", "scsi/scsi",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[100];
		snprintf(path, sizeof path, "/proc/%s", files[i]);
		ssize_t n = slurp(path, a, sizeof a, 4096);
		if (n < 0) {
			printf("%s %s\n", path, errname(errno));
			continue;
		}
		uint64_t h = 14695981039346656037u;
		for (ssize_t j = 0; j < n; j++)
			h = (h ^ (unsigned char)a[j]) * 1099511628211u;
		printf("%s %zd bytes %016lx: %.*s\n", path, n, h, (int)(n < 300 ? n : 300), a);
		if (boxed() && strcmp(files[i], "uptime") != 0) {
			/* In small pieces it is the same file. */
			ssize_t m = slurp(path, b, sizeof b, 7);
			if (m != n || memcmp(a, b, n) != 0)
				FAIL("%s is another when it is read again: %zd %zd bytes", path, n, m);
		}
	}
	/* A uuid is a new one each time. */
	ssize_t n = slurp("/proc/sys/kernel/random/uuid", a, sizeof a, 4096), m = slurp("/proc/sys/kernel/random/uuid", b, sizeof b, 4096);
	CHECK(n == 37 && m == 37 && memcmp(a, b, 37) != 0);
	CHECK(a[8] == '-' && a[14] == '4' && a[36] == '\n');
	printf("uuid %.36s %.36s\n", a, b);
	CHECK(slurp("/proc/sys/kernel/random/boot_id", a, sizeof a, 4096) == 37);
	CHECK(slurp("/proc/uptime", a, sizeof a, 4096) > 0);
	double up, idle;
	CHECK(sscanf(a, "%lf %lf", &up, &idle) == 2 && up >= 0 && idle >= 0);
	if (boxed()) {
		/* Addresses of the kernel and the host's command line are nobody's business. */
		CHECK(slurp("/proc/kallsyms", a, sizeof a, 4096) <= 0 || strncmp(a, "0000000000000000", 16) == 0);
		CHECK(slurp("/proc/kcore", a, 10, 10) < 0 && slurp("/proc/kmsg", a, 10, 10) < 0);
	}
	return 0;
}
