// laplace: pinned refused=setxattr!,fsetxattr!,lsetxattr
// How much room extended attributes have: what every file system has, 3 KiB together, and none in /tmp.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

int main(void)
{
	static char value[65537];
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	CHECK_ERR(setxattr("file", "user.large", value, 65537, 0), E2BIG);
	if (!boxed()) {
		printf("native\n");
		return 0;
	}
	memset(value, 'v', sizeof value);
	CHECK(setxattr("file", "user.a", value, 1024, 0) == 0);
	CHECK(setxattr("file", "user.b", value, 1024, 0) == 0);
	CHECK_ERR(setxattr("file", "user.c", value, 1024, 0), ENOSPC);
	CHECK_ERR(fsetxattr(fd, "user.c", value, 65536, 0), ENOSPC);
	CHECK_ERR(setxattr("file", "user.c", value, 65537, 0), E2BIG);
	CHECK_ERR(setxattr("file", "user.a", value, 4000, XATTR_CREATE), EEXIST);
	CHECK_ERR(setxattr("file", "user.c", value, 4000, XATTR_REPLACE), ENODATA);
	CHECK(setxattr("file", "user.a", value, 1900, XATTR_REPLACE) == 0); /* in the place of the old value */
	CHECK(removexattr("file", "user.a") == 0);
	CHECK(setxattr("file", "user.c", value, 1980, 0) == 0);
	CHECK(getxattr("file", "user.c", value, sizeof value) == 1980);
	/* Many small ones. */
	int n = 0, e;
	char name[32];
	CHECK(mkdir("dir", 0755) == 0);
	do
		snprintf(name, sizeof name, "user.%03d", n++);
	while ((e = setxattr("dir", name, "v", 1, 0) == 0 ? 0 : errno) == 0);
	CHECK(e == ENOSPC);
	printf("%d small ones\n", n - 1);
	/* A directory in memory has them only on newer kernels. */
	int tmp = open("/tmp/file", O_RDWR | O_CREAT, 0644);
	CHECK(tmp >= 0);
	CHECK_ERR(setxattr("/tmp/file", "user.a", "v", 1, 0), EOPNOTSUPP);
	CHECK_ERR(fsetxattr(tmp, "user.a", "v", 1, 0), EOPNOTSUPP);
	CHECK(listxattr("/tmp/file", value, sizeof value) == 0);
	return 0;
}
