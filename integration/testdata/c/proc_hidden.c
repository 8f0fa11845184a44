// laplace: pinned refused=*
// What the box does not show in /proc is not there, whichever way one looks; what it lists is; and nothing mounted in /proc shows.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static const char *const hidden[] = {
	"acpi", "asound", "bus", "bus/pci", "cgroups", "config.gz", "consoles", "crypto", "diskstats", "driver", "fs", "fs/ext4",
	"interrupts", "iomem", "ioports", "irq", "irq/0", "kallsyms", "kcore", "keys", "kmsg", "mdstat", "modules", "pressure",
	"pressure/cpu", "sched_debug", "scsi", "slabinfo", "softirqs", "sysrq-trigger", "timer_list", "zoneinfo",
	"self/autogroup", "self/ksm_stat", "self/timens_offsets", "self/patch_state", "self/attr", "self/attr/current",
};

/* gone_through checks that what a path leads to is not there. Some say so with another errno than ENOENT, where they come to something else first. */
static void gone_through(const char *path)
{
	struct stat st;
	struct statx x;
	struct statfs fs;
	char buf[64];
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS};
	CHECK_ERR(stat(path, &st), ENOENT);
	CHECK_ERR(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x), ENOENT);
	CHECK_ERR(access(path, F_OK), ENOENT);
	CHECK_ERR(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS), ENOENT);
	CHECK_ERR(open(path, O_RDONLY), ENOENT);
	CHECK_ERR(open(path, O_PATH), ENOENT);
	CHECK_ERR(open(path, O_RDONLY | O_DIRECTORY), ENOENT);
	CHECK(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) < 0 && (errno == ENOENT || errno == EINVAL || errno == ELOOP));
	CHECK_ERR(chdir(path), ENOENT);
	CHECK_ERR(statfs(path, &fs), ENOENT);
	CHECK_ERR(getxattr(path, "user.x", buf, sizeof buf), ENOENT);
	CHECK_ERR(listxattr(path, buf, sizeof buf), ENOENT);
	CHECK_ERR(chmod(path, 0644), ENOENT);
	CHECK_ERR(utimensat(AT_FDCWD, path, NULL, 0), ENOENT);
	CHECK_ERR(truncate(path, 0), ENOENT);
	CHECK(opendir(path) == NULL && errno == ENOENT);
}

/* gone checks that a path is not there. */
static void gone(const char *path)
{
	struct stat st;
	char buf[64];
	gone_through(path);
	CHECK_ERR(lstat(path, &st), ENOENT);
	CHECK_ERR(readlink(path, buf, sizeof buf), ENOENT);
}

/* nameless checks that a name in /proc that is not there cannot be changed as if it were. */
static void nameless(const char *path)
{
	CHECK_ERR(link(path, "new"), ENOENT);
	CHECK_ERR(rename(path, "new"), EXDEV);
	CHECK_ERR(unlink(path), ENOENT);
	CHECK_ERR(rmdir(path), ENOENT);
	CHECK_ERR(mkdir(path, 0755), ENOENT);
}

/* linked checks that a symbolic link to something in /proc leads there. */
static void linked(const char *target)
{
	struct stat a, b;
	struct statx x;
	unlink("link");
	CHECK(symlink(target, "link") == 0);
	CHECK(stat(target, &a) == 0 && stat("link", &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_mode == b.st_mode);
	CHECK(statx(AT_FDCWD, "link", 0, STATX_BASIC_STATS, &x) == 0 && x.stx_ino == a.st_ino);
	CHECK(access("link", F_OK) == 0);
	int fd = open("link", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
}

/* list checks that what a directory lists is there. */
static void list(const char *dir)
{
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		char path[600];
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (lstat(path, &st) != 0 || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			FAIL("%s is listed", path);
		CHECK(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	}
	closedir(d);
}

int main(void)
{
	if (!boxed())
		return 0;
	char path[100];
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		snprintf(path, sizeof path, "/proc/%s", hidden[i]);
		gone(path);
		nameless(path);
		snprintf(path, sizeof path, "//proc/./%s", hidden[i]);
		gone(path);
		unlink("link");
		CHECK(symlink(path, "link") == 0);
		gone_through("link");
	}
	linked("/proc/meminfo");
	linked("/proc/self/status");
	linked("/proc/self");
	linked("/proc/sys/kernel");
	CHECK(unlink("link") == 0);
	list("/proc");
	list("/proc/self");
	list("/proc/sys");
	list("/proc/sys/kernel");
	list("/proc/net");
	list("/dev/fd/");
	CHECK(chdir("/proc") == 0);
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		gone(hidden[i]);
	list(".");
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[512];
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f))
		CHECK(strstr(line, " /proc/") == NULL);
	printf("ok\n");
	return 0;
}
