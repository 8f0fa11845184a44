// laplace: same
// Names that text tools dislike, of files old and new: they are bytes, and lead where they led.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char *const names[] = {
	"new\nline", "\n", "\xff\xfe", "x (deleted)", " (deleted)", "back\\012slash", "tab\there", " ", "  two", "-rf", "\"'`$;", "\001\177",
	"caf\xc3\xa9", "caf\x65\xcc\x81", "~", "#", "...", "..a", "a.", ".laplace-0", ".wh.x",
};

static ino_t ino(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		FAIL("lstat");
	return st.st_ino;
}

static void exercise(const char *dir, size_t i)
{
	char p[300], q[300], buf[300];
	struct stat st;
	snprintf(p, sizeof p, "%s/%s", dir, names[i]);
	snprintf(q, sizeof q, "%s/%s", "moved", names[i]);
	ino_t n = ino(p);
	int fd = open(p, O_RDWR | O_APPEND);
	CHECK(fd >= 0 && write(fd, "more", 4) == 4 && fstat(fd, &st) == 0 && st.st_ino == n);
	CHECK(chmod(p, 0600) == 0 && ino(p) == n && truncate(p, 3) == 0);
	CHECK(utimensat(AT_FDCWD, p, (struct timespec[2]){{1, 1}, {2, 3}}, 0) == 0 && stat(p, &st) == 0 && st.st_mtim.tv_nsec == 3);
	CHECK(setxattr(p, "user.name", names[i], strlen(names[i]), 0) == 0);
	CHECK(getxattr(p, "user.name", buf, sizeof buf) == (ssize_t)strlen(names[i]));
	CHECK(chown(p, getuid(), getgid()) == 0);
	CHECK(rename(p, q) == 0 && ino(q) == n && fstat(fd, &st) == 0 && st.st_ino == n && st.st_mtim.tv_nsec == 3);
	CHECK(link(q, p) == 0 && ino(p) == n && unlink(q) == 0 && ino(p) == n);
	CHECK(symlink(names[i], q) == 0 && readlink(q, buf, sizeof buf) == (ssize_t)strlen(names[i]) && unlink(q) == 0);
	/* Gone, and again: another file. */
	CHECK(unlink(p) == 0 && fstat(fd, &st) == 0 && st.st_ino == n && st.st_nlink == 0);
	int again = open(p, O_WRONLY | O_CREAT | O_EXCL, 0644);
	CHECK(again >= 0 && ino(p) != n && fstat(fd, &st) == 0 && st.st_ino == n);
	CHECK(write(again, names[i], strlen(names[i])) == (ssize_t)strlen(names[i]) && close(again) == 0 && close(fd) == 0);
	/* As a directory, old or new, with something in it. */
	snprintf(p, sizeof p, "%sdirs/%s", dir, names[i]);
	snprintf(buf, sizeof buf, "%.200s/in", p);
	n = ino(p);
	ino_t in = ino(buf);
	CHECK(rename(p, q) == 0 && ino(q) == n);
	snprintf(buf, sizeof buf, "%.200s/in", q);
	CHECK(ino(buf) == in && rename(q, p) == 0 && ino(p) == n);
	CHECK(chdir(p) == 0 && getcwd(buf, sizeof buf) != NULL && ino(".") == n && ino("in") == in);
	CHECK(strcmp(strrchr(buf, '/') + 1, names[i]) == 0 && chdir("../..") == 0);
}

static void list(const char *dir)
{
	DIR *d = opendir(dir);
	int count = 0;
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			count += strcmp(names[i], e->d_name) == 0;
	CHECK(closedir(d) == 0);
	printf("%s holds %d\n", dir, count);
}

int main(void)
{
	char p[300];
	const char *dirs[] = {"old", "new"};
	CHECK(mkdir("moved", 0755) == 0 && mkdir("new", 0755) == 0 && mkdir("newdirs", 0755) == 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(p, sizeof p, "new/%s", names[i]);
		CHECK(mknod(p, S_IFREG | 0644, 0) == 0);
		snprintf(p, sizeof p, "newdirs/%s", names[i]);
		CHECK(mkdir(p, 0755) == 0);
		strcat(p, "/in");
		CHECK(mknod(p, S_IFREG | 0644, 0) == 0);
	}
	for (int d = 0; d < 2; d++) {
		list(dirs[d]);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			exercise(dirs[d], i);
		list(dirs[d]);
	}
	return 0;
}
