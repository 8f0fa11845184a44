// laplace: pinned
// Modification times move when content does, and only then; never backwards.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int64_t mtime(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	if (boxed()) {
		CHECK(st.st_atim.tv_sec == st.st_mtim.tv_sec && st.st_atim.tv_nsec == st.st_mtim.tv_nsec);
		CHECK(st.st_ctim.tv_sec == st.st_mtim.tv_sec && st.st_ctim.tv_nsec == st.st_mtim.tv_nsec);
	}
	return st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
}

static void kept(const char *what, const char *path, int64_t before)
{
	int64_t m = mtime(path);
	if (m != before)
		FAIL("%s moved the mtime of %s from %ld to %ld", what, path, before, m);
	printf("%s keeps %s\n", what, path);
}

/* moved fails if the time went back, and in a box unless it went on. (Natively two changes within one tick of the
   kernel's coarse clock have one time.) */
static int64_t moved(const char *what, const char *path, int64_t before, int strictly)
{
	int64_t m = mtime(path);
	if (m < before || (boxed() && strictly && m == before))
		FAIL("%s left the mtime of %s at %ld, it was %ld", what, path, m, before);
	printf("%s moves %s to %ld\n", what, path, m);
	return m;
}

int main(void)
{
	static const char *const files[] = {"lower", "new"};
	int fd = open("new", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	int64_t old = mtime("lower");
	if (boxed())
		CHECK(old < mtime("new")); /* what was there before is older than what is made */
	for (int i = 0; i < 2; i++) {
		const char *f = files[i];
		char c;
		int64_t m = mtime(f);
		fd = open(f, O_RDWR);
		CHECK(fd >= 0 && read(fd, &c, 1) == 1);
		kept("open and read", f, m);
		CHECK(chmod(f, 0600) == 0);
		kept("chmod", f, m);
		CHECK(link(f, "second") == 0 && unlink("second") == 0);
		kept("link and unlink", f, m);
		CHECK(rename(f, "moved") == 0 && rename("moved", f) == 0);
		kept("rename", f, m);
		CHECK(write(fd, "", 0) == 0);
		kept("write of nothing", f, m);
		CHECK(write(fd, "y", 1) == 1);
		m = moved("write", f, m, i == 0);
		CHECK(close(fd) == 0);
		kept("close", f, m);
		fd = open(f, O_WRONLY);
		CHECK(fd >= 0 && write(fd, "z", 1) == 1 && close(fd) == 0);
		m = moved("overwrite", f, m, 1);
		fd = open(f, O_WRONLY | O_TRUNC);
		CHECK(fd >= 0 && close(fd) == 0);
		m = moved("O_TRUNC", f, m, 1);
		CHECK(truncate(f, 10) == 0);
		m = moved("truncate", f, m, 1);
		fd = open(f, O_RDWR | O_APPEND);
		CHECK(fd >= 0 && ftruncate(fd, 5) == 0);
		m = moved("ftruncate", f, m, 1);
		CHECK(write(fd, "a", 1) == 1);
		m = moved("append", f, m, 0);
		CHECK(pwrite(fd, "b", 1, 0) == 1);
		m = moved("pwrite", f, m, 0);
		CHECK(fallocate(fd, 0, 0, 100) == 0);
		m = moved("fallocate", f, m, 0);
		char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(p != MAP_FAILED);
		p[0] = 'm';
		CHECK(msync(p, 4096, MS_SYNC) == 0 && munmap(p, 4096) == 0);
		m = moved("shared mapping", f, m, 0);
		CHECK(close(fd) == 0);
	}
	/* make's question: is what was made after its source newer, and older once the source is changed again? */
	fd = open("source", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "1", 1) == 1 && close(fd) == 0);
	fd = open("object", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "1", 1) == 1 && close(fd) == 0);
	CHECK(mtime("object") >= mtime("source"));
	fd = open("source", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0 && write(fd, "2", 1) == 1 && close(fd) == 0);
	moved("a changed source, compared with its object,", "source", mtime("object"), 1);

	/* Directories: when their names change. */
	int64_t m = mtime("dir");
	fd = open("dir/inner", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "z", 1) == 1 && close(fd) == 0);
	kept("write to a file in it", "dir", m);
	CHECK(mknod("dir/a", S_IFREG | 0644, 0) == 0);
	m = moved("create", "dir", m, 1);
	CHECK(rename("dir/a", "dir/b") == 0);
	m = moved("rename", "dir", m, 0);
	CHECK(link("dir/b", "dir/c") == 0);
	m = moved("link", "dir", m, 0);
	CHECK(symlink("x", "dir/s") == 0);
	m = moved("symlink", "dir", m, 0);
	CHECK(mkdir("dir/d", 0755) == 0);
	m = moved("mkdir", "dir", m, 0);
	int64_t sub = mtime("dir/sub");
	CHECK(mknod("dir/sub/deep", S_IFREG | 0644, 0) == 0);
	kept("create further down", "dir", m);
	moved("create", "dir/sub", sub, 1);
	CHECK(unlink("dir/b") == 0);
	m = moved("unlink", "dir", m, 0);
	CHECK(rmdir("dir/d") == 0);
	m = moved("rmdir", "dir", m, 0);
	CHECK(chmod("dir", 0700) == 0);
	kept("chmod", "dir", m);
	printf("lower %ld prog %ld usr %ld\n", old, mtime("prog"), mtime("/usr/bin/env"));
	return 0;
}
