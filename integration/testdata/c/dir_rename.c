// laplace: same
// rename: files, directories old and new with what is below them, and every errno.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static void content(const char *path, const char *want)
{
	char buf[64] = {0};
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		FAIL("open %s", path);
	CHECK(read(fd, buf, sizeof buf - 1) >= 0 && close(fd) == 0);
	if (strcmp(buf, want) != 0)
		FAIL("%s holds %s, want %s", path, buf, want);
}

static void make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static ino_t ino(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	return st.st_ino;
}

int main(void)
{
	struct stat st;
	make("new", "new");
	CHECK(mkdir("newdir", 0755) == 0 && mkdir("newdir/sub", 0755) == 0);
	make("newdir/sub/f", "in newdir");

	/* Files. */
	ino_t n = ino("one");
	CHECK(rename("one", "uno") == 0 && ino("uno") == n);
	CHECK_ERR(stat("one", &st), ENOENT);
	content("uno", "1\n");
	CHECK(rename("uno", "two") == 0 && ino("two") == n);
	content("two", "1\n");
	CHECK(rename("new", "three") == 0);
	content("three", "new");
	int fd = open("three", O_RDONLY);
	CHECK(fd >= 0 && rename("three", "other/three") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 1 && close(fd) == 0);
	CHECK(rename("two", "two") == 0);

	/* A directory that was there before, with all that is below, twice. */
	n = ino("lower");
	ino_t deep = ino("lower/a/b/c/file");
	CHECK(rename("lower", "moved") == 0 && ino("moved") == n && ino("moved/a/b/c/file") == deep);
	CHECK_ERR(stat("lower", &st), ENOENT);
	CHECK_ERR(stat("lower/file", &st), ENOENT);
	content("moved/a/b/c/file", "deep\n");
	content("moved/a/sym", "shallow\n");
	CHECK(ino("moved/file") == ino("moved/a/hard"));
	make("moved/a/b/c/file", "changed");
	CHECK(rename("moved/a", "other/a") == 0);
	content("other/a/b/c/file", "changed");
	CHECK(rename("moved", "other/a/b/back") == 0);
	content("other/a/b/back/file", "shallow\n");
	make("other/a/hard", "SHALLOW");
	content("other/a/b/back/file", "SHALLOW");
	CHECK(ino("other/a/b/back/file") == ino("other/a/hard"));
	/* Its name again, for another directory. */
	CHECK(mkdir("lower", 0755) == 0);
	CHECK_ERR(stat("lower/a", &st), ENOENT);
	make("lower/other", "x");
	CHECK(rename("twice", "twice2") == 0 && rename("twice2", "twice") == 0);
	content("twice/t", "t\n");

	/* New directories. */
	CHECK(rename("newdir", "newer") == 0);
	content("newer/sub/f", "in newdir");
	CHECK(rename("newer/", "empty/") == 0); /* onto an empty one */
	content("empty/sub/f", "in newdir");
	CHECK(rename("empty/sub", "sub") == 0);
	CHECK_ERR(rename("sub", "full"), ENOTEMPTY);
	CHECK(unlink("full/x") == 0 && rename("sub", "full") == 0);
	content("full/f", "in newdir");

	CHECK_ERR(rename("absent", "x"), ENOENT);
	CHECK_ERR(rename("two", "absent/x"), ENOENT);
	CHECK_ERR(rename("two", "full"), EISDIR);
	CHECK_ERR(rename("full", "two"), ENOTDIR);
	CHECK_ERR(rename("two", "two/x"), ENOTDIR);
	CHECK_ERR(rename("other", "other/a/x"), EINVAL);
	CHECK_ERR(rename("other/a/b", "other"), ENOTEMPTY);
	CHECK_ERR(rename(".", "x"), EBUSY);
	CHECK_ERR(rename("two", "."), EBUSY);
	CHECK_ERR(rename("", "x"), ENOENT);
	CHECK_ERR(rename("two/", "x"), ENOTDIR);
	CHECK_ERR(rename("two", "x/"), ENOTDIR);
	/* A symbolic link is renamed itself, and replaced itself. */
	CHECK(symlink("two", "link") == 0 && rename("link", "link2") == 0 && lstat("link2", &st) == 0 && S_ISLNK(st.st_mode));
	make("plain", "plain");
	CHECK(rename("plain", "link2") == 0 && lstat("link2", &st) == 0 && S_ISREG(st.st_mode));
	content("two", "1\n");
	CHECK(rename("prog", "prog") == 0 && renameat(AT_FDCWD, "link2", AT_FDCWD, "last") == 0);
	printf("done\n");
	return 0;
}
