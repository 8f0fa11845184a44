// laplace: same
// stat, lstat, fstat, newfstatat and statx agree about every kind of file, old and new.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static void equal(const char *what, const struct stat *a, const struct stat *b)
{
	if (a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_mode != b->st_mode || a->st_nlink != b->st_nlink ||
	    a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev || a->st_size != b->st_size ||
	    a->st_blksize != b->st_blksize || a->st_blocks != b->st_blocks || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	    a->st_mtim.tv_nsec != b->st_mtim.tv_nsec || a->st_ctim.tv_sec != b->st_ctim.tv_sec ||
	    a->st_ctim.tv_nsec != b->st_ctim.tv_nsec || a->st_atim.tv_sec != b->st_atim.tv_sec)
		FAIL("%s differs: ino %lu %lu mode %o %o size %ld %ld", what, a->st_ino, b->st_ino, a->st_mode, b->st_mode,
		     a->st_size, b->st_size);
}

static void equalx(const char *what, const struct stat *a, const struct statx *x)
{
	struct stat b = {.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor), .st_ino = x->stx_ino, .st_mode = x->stx_mode,
			 .st_nlink = x->stx_nlink, .st_uid = x->stx_uid, .st_gid = x->stx_gid,
			 .st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor), .st_size = x->stx_size,
			 .st_blksize = x->stx_blksize, .st_blocks = x->stx_blocks,
			 .st_mtim = {x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec}, .st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec},
			 .st_atim = {x->stx_atime.tv_sec, x->stx_atime.tv_nsec}};
	CHECK((x->stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	equal(what, a, &b);
}

static void look(const char *name)
{
	struct stat l, s, b;
	struct statx x;
	CHECK(lstat(name, &l) == 0);
	CHECK(syscall(SYS_lstat, name, &b) == 0);
	equal("raw lstat", &l, &b);
	CHECK(syscall(SYS_newfstatat, AT_FDCWD, name, &b, AT_SYMLINK_NOFOLLOW) == 0);
	equal("newfstatat nofollow", &l, &b);
	CHECK(statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0);
	equalx("statx nofollow", &l, &x);
	int fd = open(name, O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	CHECK(fstat(fd, &b) == 0);
	equal("fstat of O_PATH", &l, &b);
	CHECK(syscall(SYS_newfstatat, fd, "", &b, AT_EMPTY_PATH) == 0);
	equal("newfstatat of O_PATH", &l, &b);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &x) == 0);
	equalx("statx of O_PATH", &l, &x);
	CHECK(close(fd) == 0);
	CHECK(l.st_uid == getuid() && l.st_gid == getgid());
	CHECK(l.st_ino != 0 && l.st_blksize > 0);
	printf("%s %o links %ld size %ld", name, l.st_mode, S_ISDIR(l.st_mode) ? 0 : (long)l.st_nlink,
	       S_ISDIR(l.st_mode) ? 0 : (long)l.st_size);
	errno = 0;
	if (stat(name, &s) == 0) {
		CHECK(syscall(SYS_stat, name, &b) == 0);
		equal("raw stat", &s, &b);
		CHECK(fstatat(AT_FDCWD, name, &b, 0) == 0);
		equal("fstatat", &s, &b);
		CHECK(statx(AT_FDCWD, name, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &x) == 0);
		equalx("statx", &s, &x);
		fd = open(name, O_RDONLY | O_NONBLOCK);
		CHECK(fd >= 0 && fstat(fd, &b) == 0);
		equal("fstat", &s, &b);
		CHECK(syscall(SYS_fstat, fd, &b) == 0);
		equal("raw fstat", &s, &b);
		CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
		equalx("statx of descriptor", &s, &x);
		CHECK(close(fd) == 0);
		printf(" follows to %o", s.st_mode);
	} else {
		printf(" follows to %s", errname(errno));
	}
	printf("\n");
}

int main(void)
{
	int fd = open("new", O_WRONLY | O_CREAT, 0640), p[2];
	CHECK(fd >= 0 && write(fd, "12345", 5) == 5 && close(fd) == 0);
	CHECK(mkdir("newdir", 0700) == 0 && symlink("new", "newlink") == 0 && mkfifo("newpipe", 0600) == 0);
	static const char *const names[] = {"lower", "lowerdir", "link", "dangling", "dirlink", "pipe", "empty", "lowerdir/sub",
					    "lowerdir/inner", "dirlink/inner", "new", "newdir", "newlink", "newpipe", ".", "newdir/..",
					    "lowerdir/./sub"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		look(names[i]);

	struct stat st, other;
	CHECK(pipe(p) == 0 && fstat(p[0], &st) == 0 && fstat(p[1], &other) == 0);
	CHECK(S_ISFIFO(st.st_mode) && st.st_ino == other.st_ino && st.st_nlink == 1 && st.st_size == 0);
	CHECK(st.st_uid == getuid());
	printf("pipe %o\n", st.st_mode);
	CHECK(stat("/dev/null", &st) == 0);
	printf("/dev/null %o rdev %u:%u\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
	CHECK(stat("/proc/self", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(lstat("/proc/self", &st) == 0 && S_ISLNK(st.st_mode));

	CHECK_ERR(stat("absent", &st), ENOENT);
	CHECK_ERR(stat("", &st), ENOENT);
	CHECK_ERR(stat("lower/x", &st), ENOTDIR);
	CHECK_ERR(lstat("lower/", &st), ENOTDIR);
	CHECK_ERR(stat("dangling", &st), ENOENT);
	CHECK_ERR(fstat(99, &st), EBADF);
	CHECK_ERR(fstatat(AT_FDCWD, "lower", &st, 0x8), EINVAL);
	CHECK_ERR(fstatat(99, "lower", &st, 0), EBADF);
	CHECK(fstatat(99, "/", &st, 0) == 0);
	fd = open("lower", O_RDONLY);
	CHECK_ERR(fstatat(fd, "x", &st, 0), ENOTDIR);
	CHECK_ERR(syscall(SYS_stat, 8, &st), EFAULT);
	CHECK_ERR(syscall(SYS_stat, "lower", 8), EFAULT);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "lower", 0, 0x80000000, &st), EINVAL);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "lower", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &st), EINVAL);
	return 0;
}
