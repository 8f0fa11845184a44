// laplace: same
// Extended attributes: set, get, list and remove, on files old and new.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* list prints the user.* attributes in order of their names. */
static void list(const char *path)
{
	char buf[4096], value[4096], *names[64];
	ssize_t n = llistxattr(path, buf, sizeof buf);
	CHECK(n >= 0 && llistxattr(path, NULL, 0) == n);
	int count = 0;
	for (char *p = buf; p < buf + n; p += strlen(p) + 1)
		if (strncmp(p, "user.", 5) == 0)
			names[count++] = p;
		else if (strncmp(p, "security.", 9) != 0 && strncmp(p, "system.", 7) != 0)
			FAIL("%s shows %s", path, p);
	qsort(names, count, sizeof *names, compare);
	printf("%s:", path);
	for (int i = 0; i < count; i++) {
		n = lgetxattr(path, names[i], value, sizeof value);
		CHECK(n >= 0 && lgetxattr(path, names[i], NULL, 0) == n);
		printf(" %s=%.*s", names[i], (int)n, value);
	}
	printf("\n");
}

int main(void)
{
	char buf[4096];
	int fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	list("lower");
	static const char *const paths[] = {"lower", "new", "dir"};
	for (int i = 0; i < 3; i++) {
		const char *p = paths[i];
		CHECK(setxattr(p, "user.one", "first", 5, 0) == 0);
		CHECK(setxattr(p, "user.two", "", 0, XATTR_CREATE) == 0);
		CHECK_ERR(setxattr(p, "user.one", "x", 1, XATTR_CREATE), EEXIST);
		CHECK_ERR(setxattr(p, "user.none", "x", 1, XATTR_REPLACE), ENODATA);
		CHECK(setxattr(p, "user.one", "second", 6, XATTR_REPLACE) == 0);
		list(p);
		CHECK(getxattr(p, "user.one", buf, 6) == 6 && memcmp(buf, "second", 6) == 0);
		CHECK_ERR(getxattr(p, "user.one", buf, 5), ERANGE);
		CHECK_ERR(getxattr(p, "user.none", buf, sizeof buf), ENODATA);
		CHECK_ERR(listxattr(p, buf, 3), ERANGE);
		CHECK(removexattr(p, "user.two") == 0);
		CHECK_ERR(removexattr(p, "user.two"), ENODATA);
		CHECK_ERR(setxattr(p, "user.x", "x", 1, 7), EINVAL);
		CHECK_ERR(setxattr(p, "nonsense", "x", 1, 0), EOPNOTSUPP);
		CHECK_ERR(setxattr(p, "user.", "x", 1, 0), EINVAL);
		CHECK_ERR(setxattr(p, "trusted.x", "x", 1, 0), EPERM);
		list(p);
	}
	CHECK(fsetxattr(fd, "user.fd", "by descriptor", 13, 0) == 0 && fgetxattr(fd, "user.fd", buf, sizeof buf) == 13);
	CHECK(flistxattr(fd, NULL, 0) > 0 && fremovexattr(fd, "user.one") == 0);
	list("new");
	/* Symbolic links carry none of the user's. */
	CHECK_ERR(lsetxattr("sym", "user.x", "x", 1, 0), EPERM);
	CHECK(getxattr("sym", "user.one", buf, sizeof buf) == 6);
	list("sym");
	/* They move with the file, and do not change its time's place in a copy. */
	CHECK(rename("new", "renamed") == 0 && link("renamed", "linked") == 0);
	list("linked");
	memset(buf, 'v', sizeof buf);
	CHECK(setxattr("linked", "user.long", buf, 1000, 0) == 0 && getxattr("renamed", "user.long", buf, sizeof buf) == 1000);
	char name[300] = "user.";
	memset(name + 5, 'n', 260);
	CHECK_ERR(setxattr("linked", name, "x", 1, 0), ERANGE);
	CHECK_ERR(getxattr("absent", "user.x", buf, 1), ENOENT);
	CHECK_ERR(fgetxattr(99, "user.x", buf, 1), EBADF);
	return 0;
}
