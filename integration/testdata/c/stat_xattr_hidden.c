// laplace: pinned refused=setxattr,removexattr
// Attributes of the host and of the overlay: nobody sees them, and nothing sets them.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char large[65537];

int main(void)
{
	char buf[4096];
	struct stat st;
	CHECK(mkdir("new", 0755) == 0);
	static const char *const paths[] = {"lower", "lowerdir", "new"};
	for (int i = 0; i < 3; i++) {
		const char *p = paths[i];
		CHECK_ERR(setxattr(p, "trusted.x", "x", 1, 0), EPERM);
		CHECK_ERR(setxattr(p, "security.x", "x", 1, 0), EPERM);
		CHECK_ERR(removexattr(p, "trusted.x"), EPERM);
		CHECK_ERR(removexattr(p, "security.x"), EPERM);
		CHECK_ERR(getxattr(p, "trusted.x", buf, sizeof buf), ENODATA);
		CHECK_ERR(getxattr(p, "security.x", buf, sizeof buf), ENODATA);
		CHECK_ERR(getxattr(p, "system.x", buf, sizeof buf), EOPNOTSUPP);
		CHECK_ERR(setxattr(p, "trusted.x", "x", 1, 7), EINVAL);
		CHECK_ERR(setxattr(p, "trusted.x", large, sizeof large, 0), E2BIG);
		CHECK_ERR(getxattr(p, "", buf, sizeof buf), ERANGE);
		CHECK_ERR(setxattr("absent", "trusted.x", "x", 1, 0), ENOENT);
		CHECK_ERR(getxattr("lower/x", "trusted.x", buf, sizeof buf), ENOTDIR);
		if (boxed()) {
			/* An opaque directory would hide what is in the layer below. */
			CHECK_ERR(setxattr(p, "user.overlay.opaque", "y", 1, 0), EOPNOTSUPP);
			CHECK_ERR(getxattr(p, "user.overlay.opaque", buf, sizeof buf), ENODATA);
			CHECK_ERR(getxattr(p, "user.overlay.origin", buf, sizeof buf), ENODATA);
			CHECK_ERR(removexattr(p, "user.overlay.opaque"), EOPNOTSUPP);
		}
		CHECK(setxattr(p, "user.b", "1", 1, 0) == 0 && setxattr(p, "user.a", "2", 1, 0) == 0);
		CHECK(chmod(p, 0700) == 0);
		ssize_t n = listxattr(p, buf, sizeof buf);
		CHECK(n >= 14 && listxattr(p, NULL, 0) == n && listxattr(p, buf, n) == n);
		CHECK_ERR(listxattr(p, buf, n - 1), ERANGE);
		if (boxed())
			CHECK(n == 14 && memcmp(buf, "user.a\0user.b\0", 14) == 0); /* in order, and no others */
	}
	CHECK(stat("lowerdir/in", &st) == 0 && rename("lowerdir", "moved") == 0);
	CHECK(getxattr("moved", "user.a", buf, sizeof buf) == 1 && buf[0] == '2' && stat("moved/in", &st) == 0);
	int fd = open("lower", O_PATH);
	CHECK_ERR(flistxattr(fd, buf, sizeof buf), EBADF);
	CHECK_ERR(fgetxattr(fd, "trusted.x", buf, sizeof buf), EBADF);
	CHECK_ERR(flistxattr(99, buf, sizeof buf), EBADF);
	CHECK(listxattr("/usr/bin/env", buf, sizeof buf) >= 0 && listxattr("/proc/self/status", buf, sizeof buf) == 0);
	printf("done\n");
	return 0;
}
