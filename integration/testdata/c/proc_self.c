// laplace: pinned args="first second" refused=*
// /proc/self: all of it, consistent with what calls say, and without a trace of the tracer.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char buf[1 << 20];

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return -1;
	ssize_t n = 0, r;
	while ((r = read(fd, buf + n, sizeof buf - 1 - n)) > 0)
		n += r;
	int e = errno;
	close(fd);
	errno = e;
	buf[n] = 0;
	return r < 0 ? r : n;
}

static const char *field(const char *name)
{
	static char value[256];
	char *p = strstr(buf, name);
	if (p == NULL)
		FAIL("no %s", name);
	CHECK(sscanf(p + strlen(name), " %255[^\n]", value) == 1);
	return value;
}

int main(int argc, char **argv)
{
	/* Memory in use natively depends on the kernel: make some. */
	char *grown = malloc(10 << 20);
	memset(grown, 1, 10 << 20);
	int local;

	static const char *const files[] = {
		"arch_status", "auxv", "autogroup", "cgroup", "clear_refs", "cmdline", "comm", "coredump_filter",
		"cpu_resctrl_groups", "cpuset", "environ", "gid_map", "io", "limits", "loginuid", "maps", "mountinfo", "mounts",
		"mountstats", "numa_maps", "oom_adj", "oom_score", "oom_score_adj", "pagemap", "patch_state", "personality",
		"projid_map", "sched", "schedstat", "sessionid", "setgroups", "smaps", "smaps_rollup", "stack", "stat", "statm",
		"status", "syscall", "timens_offsets", "timers", "timerslack_ns", "uid_map", "wchan", "attr/current",
		"net/dev", "net/unix", "task/../status",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[100];
		snprintf(path, sizeof path, "/proc/self/%s", files[i]);
		errno = 0;
		ssize_t n = slurp(path);
		printf("== %s %zd %s\n", path, n, errname(n < 0 ? errno : 0));
		if (n > 0 && strcmp(files[i], "pagemap") != 0)
			for (ssize_t j = 0; j < n; j++)
				putchar(buf[j] == 0 ? '|' : buf[j]);
		printf("\n");
	}
	static const char *const links[] = {"exe", "cwd", "root", "ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/pid",
					    "ns/pid_for_children", "ns/time", "ns/user", "ns/uts", "fd/0", "fd/1", "fd/2"};
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		char path[100];
		snprintf(path, sizeof path, "/proc/self/%s", links[i]);
		ssize_t n = readlink(path, buf, sizeof buf);
		printf("%s -> %.*s %s\n", path, n < 0 ? 0 : (int)n, buf, n < 0 ? errname(errno) : "");
	}

	CHECK(slurp("/proc/self/cmdline") == 7 + 6 + 7 && memcmp(buf, "./prog\0first\0second\0", 20) == 0);
	CHECK(slurp("/proc/self/comm") == 5 && strcmp(buf, "prog\n") == 0);
	/* status */
	CHECK(slurp("/proc/self/status") > 0);
	CHECK(atoi(field("\nPid:")) == getpid() && atoi(field("\nPPid:")) == getppid() && atoi(field("\nTgid:")) == getpid());
	CHECK(atoi(field("\nTracerPid:")) == 0);
	CHECK(strncmp(field("\nState:"), "R (running)", 11) == 0);
	CHECK(atoi(field("\nThreads:")) == 1);
	if (boxed())
		CHECK(atoi(field("\nSeccomp:")) == 0);
	/* stat */
	CHECK(slurp("/proc/self/stat") > 0);
	int pid, ppid, pgrp, sid;
	char name[32], state;
	CHECK(sscanf(buf, "%d (%31[^)]) %c %d %d %d", &pid, name, &state, &ppid, &pgrp, &sid) == 6);
	CHECK(pid == getpid() && strcmp(name, "prog") == 0 && state == 'R' && ppid == getppid() && pgrp == getpgrp() && sid == getsid(0));
	/* maps: every address that we hold lies in the mapping that it should, with the file's own numbers. */
	CHECK(slurp("/proc/self/maps") > 0);
	struct stat st;
	CHECK(stat("prog", &st) == 0);
	int found = 0;
	unsigned long last = 0;
	for (char *line = buf; *line; line = strchr(line, '\n') + 1) {
		unsigned long lo, hi, off, ino;
		unsigned maj, min;
		char prot[8], file[5000] = "";
		CHECK(sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %4999[^\n]", &lo, &hi, prot, &off, &maj, &min, &ino, file) >= 7);
		CHECK(lo >= last && hi > lo);
		last = hi;
		uintptr_t code = (uintptr_t)main, stack = (uintptr_t)&local, heap = (uintptr_t)sbrk(0) - 1;
		if (code >= lo && code < hi) {
			CHECK(prot[2] == 'x' && strstr(file, "/prog") != NULL);
			if (boxed() && (ino != st.st_ino || maj != major(st.st_dev) || min != minor(st.st_dev)))
				FAIL("maps has prog as %x:%x %lu, stat as %x:%x %lu", maj, min, ino, major(st.st_dev), minor(st.st_dev), st.st_ino);
			found |= 1;
		}
		if (stack >= lo && stack < hi)
			found |= strcmp(file, "[stack]") == 0 ? 2 : 0;
		if (heap >= lo && heap < hi)
			found |= strcmp(file, "[heap]") == 0 ? 4 : 0;
	}
	CHECK(found == 7);
	/* Links. */
	char cwd[4096];
	ssize_t n = readlink("/proc/self/cwd", buf, sizeof buf);
	CHECK(getcwd(cwd, sizeof cwd) && n == (ssize_t)strlen(cwd) && memcmp(buf, cwd, n) == 0);
	n = readlink("/proc/self/exe", buf, sizeof buf);
	CHECK(n == (ssize_t)strlen(cwd) + 5 && memcmp(buf, cwd, n - 5) == 0 && memcmp(buf + n - 5, "/prog", 5) == 0);
	CHECK(readlink("/proc/self/root", buf, sizeof buf) == 1 && buf[0] == '/');
	/* The same by number, and through /proc/thread-self. */
	snprintf(cwd, sizeof cwd, "/proc/%d/comm", getpid());
	CHECK(slurp(cwd) == 5 && strcmp(buf, "prog\n") == 0);
	CHECK(slurp("/proc/thread-self/comm") == 5 && strcmp(buf, "prog\n") == 0);
	/* /proc/self/mem is one's own memory. */
	int mem = open("/proc/self/mem", O_RDWR);
	local = 42;
	int got = 0;
	CHECK(mem >= 0 && pread(mem, &got, sizeof got, (off_t)&local) == sizeof got && got == 42);
	got = 43;
	CHECK(pwrite(mem, &got, sizeof got, (off_t)&local) == sizeof got && *(volatile int *)&local == 43);
	/* A name that the program gives itself. */
	int fd = open("/proc/self/comm", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "renamed", 7) == 7 && close(fd) == 0);
	CHECK(slurp("/proc/self/comm") == 8 && strcmp(buf, "renamed\n") == 0);
	CHECK(slurp("/proc/self/status") > 0 && strcmp(field("Name:"), "renamed") == 0);
	return 0;
}
