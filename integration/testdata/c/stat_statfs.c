// laplace: pinned
// statfs: free space, identity and size of file systems.
#include "check.h"
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

static void show(const char *path, struct statfs *s)
{
	struct statfs f;
	struct statvfs v;
	if (statfs(path, s) != 0) {
		printf("%s %s\n", path, errname(errno));
		return;
	}
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && fstatfs(fd, &f) == 0 && close(fd) == 0);
	CHECK(statvfs(path, &v) == 0);
	if (boxed())
		CHECK(memcmp(s, &f, sizeof f) == 0);
	CHECK(f.f_bsize == s->f_bsize && f.f_blocks == s->f_blocks && f.f_type == s->f_type && f.f_namelen == s->f_namelen);
	CHECK(v.f_blocks == s->f_blocks && v.f_namemax == (unsigned long)s->f_namelen);
	CHECK(s->f_bfree <= s->f_blocks && s->f_bavail <= s->f_bfree && s->f_ffree <= s->f_files);
	printf("%s type %lx bsize %ld blocks %lu bfree %lu bavail %lu files %lu ffree %lu fsid %x %x namelen %ld frsize %ld flags %lx\n",
	       path, s->f_type, s->f_bsize, s->f_blocks, s->f_bfree, s->f_bavail, s->f_files, s->f_ffree, s->f_fsid.__val[0],
	       s->f_fsid.__val[1], s->f_namelen, s->f_frsize, s->f_flags);
}

int main(void)
{
	struct statfs s, before, after;
	static const char *const paths[] = {"/", "/usr", "/etc", "/tmp", "/dev", "/dev/shm", "/proc", "/sys", "prog"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		show(paths[i], &s);
	show(".", &before);
	/* Room for a build, and no less after one. */
	CHECK(before.f_bavail * before.f_bsize > 1 << 20);
	static char buf[1 << 20];
	int fd = open("big", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, buf, sizeof buf) == sizeof buf && fsync(fd) == 0 && close(fd) == 0);
	show(".", &after);
	if (boxed())
		CHECK(memcmp(&before, &after, sizeof before) == 0);
	int p[2];
	CHECK(pipe(p) == 0 && fstatfs(p[0], &s) == 0);
	printf("pipe type %lx\n", s.f_type);
	CHECK(unlink("big") == 0);
	CHECK_ERR(statfs("absent", &s), ENOENT);
	CHECK_ERR(statfs("prog/x", &s), ENOTDIR);
	CHECK_ERR(fstatfs(99, &s), EBADF);
	CHECK_ERR(syscall(SYS_statfs, ".", 8), EFAULT);
	return 0;
}
