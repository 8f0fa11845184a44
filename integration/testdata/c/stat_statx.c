// laplace: pinned
// Everything that stat and statx tell, birth time, mount id and attributes included.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void show(const char *path)
{
	struct statx x;
	/* All bits but the reserved one: fields that this header does not know are in the tail. */
	memset(&x, 0xaa, sizeof x);
	if (syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0x7fffffff, &x) != 0) {
		printf("%s %s\n", path, errname(errno));
		return;
	}
	printf("%s mask %x blksize %u attributes %llx nlink %u uid %u gid %u mode %o ino %llu size %llu blocks %llu "
	       "attributes_mask %llx rdev %u:%u dev %u:%u mnt_id %llx\n",
	       path, x.stx_mask, x.stx_blksize, x.stx_attributes, x.stx_nlink, x.stx_uid, x.stx_gid, x.stx_mode, x.stx_ino,
	       x.stx_size, x.stx_blocks, x.stx_attributes_mask, x.stx_rdev_major, x.stx_rdev_minor, x.stx_dev_major,
	       x.stx_dev_minor, x.stx_mnt_id);
	printf("  atime %lld.%09u btime %lld.%09u ctime %lld.%09u mtime %lld.%09u\n", x.stx_atime.tv_sec, x.stx_atime.tv_nsec,
	       x.stx_btime.tv_sec, x.stx_btime.tv_nsec, x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec, x.stx_mtime.tv_sec,
	       x.stx_mtime.tv_nsec);
	const unsigned char *p = (const void *)&x;
	printf("  tail");
	for (size_t i = 0x90; i < 256; i++)
		printf("%s%x", i % 8 ? "" : " ", p[i]);
	printf("\n");
	if (boxed()) {
		CHECK(x.stx_atime.tv_sec == x.stx_mtime.tv_sec && x.stx_atime.tv_nsec == x.stx_mtime.tv_nsec);
		CHECK(x.stx_ctime.tv_sec == x.stx_mtime.tv_sec && x.stx_ctime.tv_nsec == x.stx_mtime.tv_nsec);
	}
}

int main(void)
{
	int fd = open("new", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK(mkdir("newdir", 0755) == 0 && symlink("new", "newlink") == 0);
	static const char *const names[] = {"file", "dir", "link", "new", "newdir", "newlink", ".", "..", "/", "/tmp", "/dev",
					    "/dev/null", "/dev/pts", "/dev/shm", "/proc", "/proc/1", "/proc/self", "/proc/self/maps",
					    "/proc/self/fd", "/proc/self/fd/1", "/proc/self/exe", "/proc/version", "/sys", "/usr",
					    "/usr/bin/env", "/etc", "/etc/passwd"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		show(names[i]);
	/* A file that changed shows no other birth. */
	struct statx a, b;
	CHECK(statx(AT_FDCWD, "file", 0, STATX_ALL, &a) == 0);
	fd = open("file", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "y", 1) == 1 && close(fd) == 0);
	CHECK(statx(AT_FDCWD, "file", 0, STATX_ALL, &b) == 0);
	if (boxed())
		CHECK(a.stx_mask == b.stx_mask && a.stx_btime.tv_sec == b.stx_btime.tv_sec && a.stx_ino == b.stx_ino &&
		      a.stx_dev_minor == b.stx_dev_minor && a.stx_mnt_id == b.stx_mnt_id);
	show("file");
	return 0;
}
