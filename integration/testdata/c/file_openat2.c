// laplace: same refused=openat2!
// openat2 and its ways of resolving a path.
#include "check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int dir;

static long open2(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {flags, mode, resolve};
	return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static void ok(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	long fd = open2(path, flags, mode, resolve);
	if (fd < 0)
		FAIL("openat2 %s resolve %lx", path, resolve);
	CHECK(close(fd) == 0);
	printf("%s %lx\n", path, resolve);
}

int main(void)
{
	dir = open("d", O_PATH | O_DIRECTORY);
	CHECK(dir >= 0);
	ok("f", O_RDONLY, 0, 0);
	ok("in", O_RDONLY, 0, RESOLVE_BENEATH);
	ok("sub/../f", O_RDONLY, 0, RESOLVE_BENEATH);
	ok("dirlink/g", O_RDONLY, 0, RESOLVE_BENEATH);
	ok("sub/g", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
	ok("/f", O_RDONLY, 0, RESOLVE_IN_ROOT);
	ok("../../../f", O_RDONLY, 0, RESOLVE_IN_ROOT);
	ok("new", O_WRONLY | O_CREAT | O_EXCL, 0600, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	ok("out", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS);
	ok("sub", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_XDEV);
	CHECK_ERR(open2("../prog", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("out", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("abs", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("/usr", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("in", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2("dirlink/g", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2("abs", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERR(open2("out", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERR(open2("/proc/version", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV);
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", dir);
	CHECK_ERR(open2(path, O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
	CHECK_ERR(open2("absent", O_RDONLY, 0, 0), ENOENT);
	CHECK_ERR(open2("f", O_RDONLY, 0600, 0), EINVAL); /* a mode without creation */
	CHECK_ERR(open2("f", O_RDONLY, 0, 0x1000), EINVAL);
	CHECK_ERR(open2("f", O_RDONLY, 0, 1UL << 40), EINVAL);
	CHECK_ERR(open2("f", 1UL << 40, 0, 0), EINVAL);
	CHECK_ERR(open2("f", O_CREAT | O_WRONLY, 0200000, 0), EINVAL);
	CHECK_ERR(open2("f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	/* The structure may grow: zeros behind it are fine, else E2BIG. */
	struct {
		struct open_how how;
		uint64_t tail[2];
	} big = {{O_RDONLY, 0, 0}, {0, 0}};
	long fd = syscall(SYS_openat2, dir, "f", &big, sizeof big);
	CHECK(fd >= 0 && close(fd) == 0);
	big.tail[1] = 1;
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &big, sizeof big), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &big, 8), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", 8, sizeof big.how), EFAULT);
	CHECK_ERR(syscall(SYS_openat2, 99, "f", &big.how, sizeof big.how), EBADF);
	return 0;
}
