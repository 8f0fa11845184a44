// laplace: pinned
// Inode numbers: unique, stable under everything that keeps the file, equal in stat and in directories.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static ino_t ino(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		FAIL("lstat %s", path);
	return st.st_ino;
}

static struct {
	ino_t ino;
	char path[64];
} seen[400];
static int count;

/* walk compares d_ino with st_ino and collects all numbers, hard links but once. */
static void walk(const char *dir)
{
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		char path[64];
		struct stat st;
		snprintf(path, sizeof path, "%s/%.32s", dir, e->d_name);
		CHECK(lstat(path, &st) == 0);
		if (strcmp(e->d_name, "..") == 0)
			continue;
		if (boxed() && e->d_ino != st.st_ino)
			FAIL("%s: d_ino %lu, st_ino %lu", path, e->d_ino, st.st_ino);
		if (strcmp(e->d_name, ".") == 0)
			continue;
		if (st.st_nlink == 1 || S_ISDIR(st.st_mode)) {
			for (int i = 0; i < count; i++)
				if (seen[i].ino == st.st_ino)
					FAIL("%s and %s are both %lu", path, seen[i].path, st.st_ino);
			seen[count].ino = st.st_ino;
			snprintf(seen[count++].path, sizeof path, "%s", path);
		}
		if (S_ISDIR(st.st_mode))
			walk(path);
	}
	CHECK(closedir(d) == 0);
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

int main(void)
{
	CHECK(mkdir("new", 0755) == 0);
	for (int i = 0; i < 60; i++) {
		char path[32];
		snprintf(path, sizeof path, "new/f%d", i);
		touch(path);
	}
	CHECK(mkdir("new/d", 0755) == 0 && symlink("x", "new/sym") == 0 && link("new/f1", "new/hard") == 0);
	walk(".");
	printf("%d distinct\n", count);

	/* Hard links share, copies do not. */
	CHECK(ino("lower/f1") == ino("lower/d/hard") && ino("new/f1") == ino("new/hard"));

	static const char *const files[] = {"lower/f3", "new/f3", "lower/f1", "lower/sym", "new/sym", "lower/d", "new/d"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const char *f = files[i];
		ino_t n = ino(f);
		struct stat st;
		CHECK(lstat(f, &st) == 0);
		printf("%s %lu dev %lx\n", f, n, st.st_dev);
		if (S_ISREG(st.st_mode)) {
			int before = open(f, O_RDONLY);
			CHECK(fstat(before, &st) == 0 && st.st_ino == n);
			touch(f); /* copies a lower file up */
			CHECK(ino(f) == n);
			CHECK(truncate(f, 1) == 0 && ino(f) == n);
			CHECK(close(before) == 0);
			CHECK(link(f, "another") == 0 && ino("another") == n);
			CHECK(unlink(f) == 0 && ino("another") == n);
			CHECK(rename("another", f) == 0 && ino(f) == n);
		}
		if (!S_ISLNK(st.st_mode)) {
			CHECK(chmod(f, 0700) == 0 && ino(f) == n);
			CHECK(utimensat(AT_FDCWD, f, NULL, 0) == 0 && ino(f) == n);
		}
		CHECK(rename(f, "moved") == 0 && ino("moved") == n);
		CHECK(rename("moved", f) == 0 && ino(f) == n);
	}
	CHECK(ino("lower/f1") == ino("lower/d/hard"));

	/* An open file keeps its number after its name is gone; a new file of that name has another. */
	struct stat st;
	int fd = open("lower/f9", O_RDONLY);
	ino_t old = ino("lower/f9");
	CHECK(unlink("lower/f9") == 0);
	touch("lower/f9");
	CHECK(fstat(fd, &st) == 0 && st.st_ino == old && st.st_nlink == 0);
	CHECK(ino("lower/f9") != old);
	printf("again %lu\n", ino("lower/f9"));
	/* So has a temporary file without a name, until it gets one. */
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	char from[32];
	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, from, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
	CHECK(ino("named") == st.st_ino);
	printf("tmpfile %lu\n", st.st_ino);
	return 0;
}
