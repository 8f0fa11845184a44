// laplace: same
// The first change of a file that was there before, by every call that changes: all else about it stays.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static void show(const char *path)
{
	struct stat st;
	char buf[64] = {0};
	CHECK(lstat(path, &st) == 0);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, sizeof buf - 1) >= 0 && close(fd) == 0);
	printf("%s %o %ld links %ld: %s\n", path, st.st_mode, st.st_size, (long)st.st_nlink, buf);
	CHECK(st.st_uid == getuid() && st.st_gid == getgid());
}

int main(void)
{
	struct stat a, b;
	int fd;
	CHECK(stat("f2", &a) == 0);
	CHECK((fd = open("f1", O_WRONLY | O_APPEND)) >= 0 && write(fd, "more\n", 5) == 5 && close(fd) == 0);
	CHECK((fd = open("f2", O_RDWR)) >= 0 && close(fd) == 0); /* opened, and nothing written */
	CHECK(stat("f2", &b) == 0 && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ino == b.st_ino);
	CHECK(truncate("f3", 3) == 0 && chmod("f4", 0604) == 0 && rename("f5", "f5b") == 0 && link("f6", "f6b") == 0);
	CHECK(utimensat(AT_FDCWD, "f7", (struct timespec[2]){{5, 0}, {5, 0}}, 0) == 0 && setxattr("f8", "user.a", "b", 1, 0) == 0);
	CHECK((fd = open("f9", O_RDWR)) >= 0);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'O';
	CHECK(munmap(p, 4096) == 0 && close(fd) == 0);
	CHECK(unlink("f10") == 0 && (fd = open("f10", O_WRONLY | O_CREAT | O_EXCL, 0600)) >= 0 && write(fd, "again\n", 6) == 6 && close(fd) == 0);
	CHECK(unlink("f11") == 0 && mkdir("f11", 0755) == 0 && (fd = open("f11/f", O_WRONLY | O_CREAT, 0644)) >= 0 && close(fd) == 0);
	CHECK((fd = open("deep/er/still/f", O_WRONLY | O_TRUNC)) >= 0 && write(fd, "deeper\n", 7) == 7 && close(fd) == 0);
	CHECK(chmod("f12", 0700) == 0 && (fd = open("f12", O_WRONLY)) >= 0 && write(fd, "O", 1) == 1 && close(fd) == 0);
	static const char *const all[] = {"f1", "f2", "f3", "f4", "f5b", "f6", "f6b", "f7", "f8", "f9", "f10", "f11/f", "deep/er/still/f", "f12"};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		show(all[i]);
	CHECK(stat("deep/er", &a) == 0 && (a.st_mode & 07777) == 0750);
	CHECK(stat("f6", &a) == 0 && stat("f6b", &b) == 0 && a.st_ino == b.st_ino);

	/* Two descriptors for writing see each other; so does one for reading that is opened afterwards. */
	int one = open("f1", O_RDWR), two = open("f1", O_RDWR), three = open("f1", O_RDONLY);
	char c;
	CHECK(pwrite(one, "1", 1, 0) == 1 && pread(two, &c, 1, 0) == 1 && c == '1' && pread(three, &c, 1, 0) == 1 && c == '1');
	CHECK(fstat(one, &a) == 0 && fstat(three, &b) == 0 && a.st_ino == b.st_ino && a.st_size == b.st_size);
	return 0;
}
