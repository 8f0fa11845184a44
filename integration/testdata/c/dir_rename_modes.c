// laplace: same
// What may be renamed or changed depends on the directory that holds it: not on the modes of what is below, or linked.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static unsigned mode(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		FAIL("lstat %s", path);
	return st.st_mode & 07777;
}

int main(void)
{
	struct stat a, b;
	/* The harness wants to read all that it copies, so the modes are set here: every file below is still the lower one. */
	CHECK(chmod("top/readonly/sub", 0500) == 0 && chmod("top/readonly", 0555) == 0 && chmod("top/secret", 0300) == 0);
	CHECK(chmod("top/sticky", 01777) == 0 && chmod("top/setgid", 02750) == 0 && chmod("linked", 0555) == 0);
	CHECK(chmod("locked", 0555) == 0);
	CHECK(rename("top", "moved") == 0);
	static const char *const paths[] = {
		"moved", "moved/readonly", "moved/readonly/f", "moved/readonly/sub", "moved/secret", "moved/secret/f", "moved/sticky",
		"moved/setgid", "moved/setgid/sub",
	};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		printf("%s %04o\n", paths[i], mode(paths[i]));
	CHECK_ERR(open("moved/readonly/new", O_WRONLY | O_CREAT, 0644), EACCES);
	CHECK_ERR(open("moved/secret", O_RDONLY), EACCES);
	CHECK_ERR(rename("moved/readonly", "elsewhere"), EACCES); /* its ".." would change */
	CHECK(rename("moved/readonly", "moved/readonly2") == 0 && mode("moved/readonly2/sub") == 0500);
	CHECK_ERR(rename("locked/in", "x"), EACCES);
	CHECK_ERR(rename("moved/setgid", "locked/x"), EACCES);
	CHECK(mode("locked/in") == 0755 && mode("moved/setgid") == 02750);

	/* A file one of whose names is in a directory that cannot be written. */
	CHECK(stat("name", &a) == 0 && a.st_nlink == 2);
	int fd = open("name", O_WRONLY | O_APPEND);
	CHECK(fd >= 0 && write(fd, "more\n", 5) == 5 && close(fd) == 0);
	CHECK(stat("linked/other", &b) == 0 && a.st_ino == b.st_ino && b.st_nlink == 2 && b.st_size == a.st_size + 5);
	/* One that cannot be written itself, by what needs no right to write. */
	CHECK(chmod("unwritable", 0400) == 0 && link("unwritable", "third") == 0);
	CHECK(stat("linked/same", &a) == 0 && stat("third", &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 3 && (a.st_mode & 07777) == 0400);

	CHECK(chmod("moved/readonly2", 0755) == 0 && chmod("moved/readonly2/sub", 0755) == 0 && chmod("moved/secret", 0755) == 0);
	CHECK(chmod("linked", 0755) == 0 && chmod("locked", 0755) == 0 && chmod("third", 0600) == 0);
	return 0;
}
