// laplace: pinned flags="--user root"
// --user root: files can be given to anybody, and stay theirs under every name; setuid bits go as they do for root.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static void want(const char *path, uid_t uid, gid_t gid, unsigned mode)
{
	struct stat st;
	struct statx x;
	CHECK(lstat(path, &st) == 0 && statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0);
	if (st.st_uid != uid || st.st_gid != gid || (mode != 0 && (st.st_mode & 07777) != mode))
		FAIL("%s is %u:%u %04o, want %u:%u %04o", path, st.st_uid, st.st_gid, st.st_mode & 07777, uid, gid, mode);
	CHECK(x.stx_uid == uid && x.stx_gid == gid && x.stx_mode == st.st_mode);
	printf("%s %u:%u %04o\n", path, uid, gid, st.st_mode & 07777);
}

static int touch(const char *path, unsigned mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, mode);
	CHECK(fd >= 0);
	return fd;
}

int main(void)
{
	struct stat st, after;
	if (!boxed())
		return 0; /* natively the tests are not root */
	umask(022);
	int fd = touch("new", 0666);
	want("new", 0, 0, 0644);
	CHECK(chown("new", 1234, 567) == 0);
	want("new", 1234, 567, 0644);
	CHECK(fchown(fd, -1, 99) == 0 && fchmod(fd, 0600) == 0 && write(fd, "x", 1) == 1);
	want("new", 1234, 99, 0600);
	CHECK(rename("new", "renamed") == 0 && link("renamed", "linked") == 0);
	want("renamed", 1234, 99, 0600);
	CHECK(fchownat(AT_FDCWD, "linked", 7, -1, 0) == 0 && fstat(fd, &st) == 0 && st.st_uid == 7);
	want("renamed", 7, 99, 0600);
	/* What was there before, and symbolic links by themselves. */
	CHECK(stat("lower", &st) == 0 && chown("lower", 33, 33) == 0 && stat("lower", &after) == 0);
	want("lower", 33, 33, 0); /* setuid is taken away, see below */
	CHECK(st.st_ino == after.st_ino && st.st_mtim.tv_sec == after.st_mtim.tv_sec);
	CHECK(lchown("sym", 44, 44) == 0);
	want("sym", 44, 44, 0);
	want("lower", 33, 33, 0);
	CHECK(chown("sym", 45, -1) == 0);
	want("lower", 45, 33, 0);
	CHECK(chown("dir", 55, 56) == 0);
	want("dir", 55, 56, 0755);

	/* setuid, and setgid with the right to execute, go with every chown of a file, and stay with a directory. */
	CHECK(chmod("linked", 06755) == 0 && chown("linked", -1, -1) == 0);
	want("linked", 7, 99, 0755);
	CHECK(chmod("linked", 06755) == 0 && chown("linked", 8, 8) == 0);
	want("linked", 8, 8, 0755);
	CHECK(chmod("linked", 02644) == 0 && chown("linked", 9, 9) == 0);
	want("linked", 9, 9, 02644);
	CHECK(chmod("dir", 06755) == 0 && chown("dir", 60, 61) == 0);
	want("dir", 60, 61, 06755);

	/* A setgid directory gives its group to what is made in it, and itself to directories. */
	touch("dir/file", 0666);
	CHECK(mkdir("dir/sub", 0777) == 0 && symlink("x", "dir/sym") == 0 && mkfifo("dir/fifo", 0666) == 0);
	want("dir/file", 0, 61, 0644);
	want("dir/sub", 0, 61, 02755);
	want("dir/sym", 0, 61, 0);
	want("dir/fifo", 0, 61, 0644);
	int tmp = open("dir/sub", O_TMPFILE | O_RDWR, 0640);
	char proc[32];
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", tmp);
	CHECK(tmp >= 0 && linkat(AT_FDCWD, proc, AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW) == 0);
	want("dir/named", 0, 61, 0640);
	/* Moved into it, a file stays whose it was; and so does a directory that was there before. */
	CHECK(rename("linked", "dir/moved") == 0 && rename("lowerdir", "dir/lowerdir") == 0);
	want("dir/moved", 9, 9, 02644);
	want("dir/lowerdir", 0, 0, 0);
	want("dir/lowerdir/in", 0, 0, 0);
	CHECK(chown("dir/lowerdir", 71, 72) == 0 && chown("dir/lowerdir/in", 73, 74) == 0);
	CHECK(rename("dir/lowerdir", "lowerdir") == 0);
	want("lowerdir", 71, 72, 0);
	want("lowerdir/in", 73, 74, 0);
	umask(077);
	touch("masked", 0777);
	want("masked", 0, 0, 0700);

	CHECK(chmod("dir/moved", 0644) == 0); /* what is left has no such bits: who may keep them depends on the caller */
	CHECK_ERR(chown("absent", 1, 1), ENOENT);
	CHECK_ERR(fchown(99, 1, 1), EBADF);
	CHECK_ERR(fchownat(AT_FDCWD, "new", 1, 1, 0x8), EINVAL);
	CHECK(chown("/usr/bin/env", 1, 1) == -1 && stat("/usr/bin/env", &st) == 0 && st.st_uid == 0);
	return 0;
}
