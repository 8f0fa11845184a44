// laplace: same
// open by every flag: creation, truncation, appending, directories, links, paths, temporary files.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static off_t size(const char *path)
{
	struct stat st;
	CHECK(stat(path, &st) == 0);
	return st.st_size;
}

static void flags(const char *what, int fd)
{
	CHECK(fd >= 0);
	printf("%s %o %x\n", what, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	CHECK(close(fd) == 0);
}

int main(void)
{
	char buf[64];
	struct stat st;
	int fd;
	/* Creation. */
	CHECK((fd = open("new", O_WRONLY | O_CREAT | O_EXCL, 0600)) == 3 && write(fd, "12345", 5) == 5 && close(fd) == 0);
	CHECK_ERR(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("file", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("dir", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("link", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK((fd = open("new", O_WRONLY | O_CREAT, 0777)) >= 0 && close(fd) == 0 && stat("new", &st) == 0);
	CHECK((st.st_mode & 0777) == 0600 && st.st_size == 5); /* an existing file keeps both */
	CHECK((fd = creat("created", 0640)) >= 0 && write(fd, "x", 1) == 1);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK(close(fd) == 0);
	CHECK((fd = open("nomode", O_RDWR | O_CREAT, 0)) >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0); /* open before the mode counts */
	CHECK_ERR(open("nomode", O_RDONLY), EACCES);
	CHECK(chmod("nomode", 0644) == 0);
	/* Truncation. */
	CHECK((fd = open("trunc", O_RDONLY)) >= 0 && size("trunc") == 5 && close(fd) == 0);
	CHECK((fd = open("trunc", O_WRONLY | O_TRUNC)) >= 0 && size("trunc") == 0 && close(fd) == 0);
	CHECK((fd = open("new", O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0 && size("new") == 0 && close(fd) == 0);
	CHECK_ERR(open("readonly", O_WRONLY), EACCES);
	CHECK_ERR(open("readonly", O_RDONLY | O_TRUNC), EACCES);
	CHECK(size("readonly") == 2);
	/* Appending: the offset before each write is the end, whoever moved it. */
	int a = open("file", O_WRONLY | O_APPEND), b = open("file", O_RDWR);
	CHECK(a >= 0 && b >= 0 && write(a, "A", 1) == 1 && lseek(b, 0, SEEK_END) == 9 && write(b, "B", 1) == 1);
	CHECK(write(a, "C", 1) == 1 && lseek(a, 0, SEEK_CUR) == 11 && lseek(a, 0, SEEK_SET) == 0 && write(a, "D", 1) == 1);
	CHECK(pread(b, buf, sizeof buf, 0) == 12 && memcmp(buf, "content\nABCD", 12) == 0 && close(a) == 0 && close(b) == 0);
	/* Directories. */
	CHECK((fd = open("dir", O_RDONLY)) >= 0);
	CHECK_ERR(read(fd, buf, 1), EISDIR);
	CHECK_ERR(write(fd, buf, 1), EBADF);
	CHECK(close(fd) == 0);
	CHECK_ERR(open("dir", O_WRONLY), EISDIR);
	CHECK_ERR(open("dir", O_RDWR), EISDIR);
	CHECK_ERR(open("dir", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("file/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("file/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("slash/", O_WRONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("absent/x", O_WRONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	/* Links. */
	CHECK_ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	CHECK((fd = open("dirlink", O_RDONLY | O_DIRECTORY)) >= 0 && close(fd) == 0);
	CHECK((fd = open("dirlink/", O_RDONLY | O_NOFOLLOW)) >= 0 && close(fd) == 0);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	/* Paths without the file. */
	CHECK((fd = open("readonly", O_PATH)) >= 0);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK_ERR(write(fd, buf, 1), EBADF);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 2);
	snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
	CHECK((a = open(buf, O_RDONLY)) >= 0 && read(a, buf, 10) == 2 && close(a) == 0 && close(fd) == 0);
	CHECK((fd = open("link", O_PATH | O_NOFOLLOW)) >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) && close(fd) == 0);
	CHECK((fd = open("fifo", O_PATH)) >= 0 && close(fd) == 0);
	/* Relative to a directory. */
	int dir = open("dir", O_PATH | O_DIRECTORY);
	CHECK((fd = openat(dir, "inner", O_RDWR | O_CREAT, 0644)) >= 0 && close(fd) == 0);
	CHECK((fd = openat(dir, "../file", O_RDONLY)) >= 0);
	CHECK_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	CHECK(close(fd) == 0);
	CHECK_ERR(openat(99, "x", O_RDONLY), EBADF);
	CHECK((fd = openat(99, "/dev/null", O_RDONLY)) >= 0 && close(fd) == 0);
	CHECK(fchdir(dir) == 0 && stat("inner", &st) == 0 && chdir("..") == 0);
	/* Files without a name, and the ways to give them one. */
	char path[64];
	CHECK((fd = open(".", O_TMPFILE | O_RDWR, 0640)) >= 0 && write(fd, "hidden", 6) == 6);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && (st.st_mode & 0777) == 0640);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW) == 0 && size("shown") == 6);
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW), EEXIST);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "shown too", AT_SYMLINK_FOLLOW) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 2 && write(fd, "!", 1) == 1 && close(fd) == 0);
	CHECK((fd = open("dir", O_TMPFILE | O_WRONLY | O_EXCL, 0600)) >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
	CHECK(close(fd) == 0);
	CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERR(open("file", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	/* What fcntl tells of the flags. */
	flags("O_RDONLY", open("file", O_RDONLY));
	flags("O_WRONLY", open("file", O_WRONLY | O_CREAT | O_NOCTTY, 0600));
	flags("O_APPEND", open("file", O_RDWR | O_APPEND | O_NONBLOCK));
	flags("O_CLOEXEC", open("file", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	flags("O_SYNC", open("file", O_RDWR | O_SYNC));
	flags("O_DSYNC", open("file", O_RDWR | O_DSYNC));
	flags("O_NOATIME", open("file", O_RDONLY | O_NOATIME));
	flags("O_PATH", open("file", O_PATH | O_CLOEXEC));
	flags("O_DIRECTORY", open("dir", O_RDONLY | O_DIRECTORY));
	CHECK_ERR(open("/usr/bin/env", O_RDONLY | O_NOATIME), EPERM);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	CHECK_ERR(syscall(SYS_open, 8, O_RDONLY), EFAULT);
	/* The old call. */
	CHECK((fd = syscall(SYS_open, "file", O_RDONLY)) >= 0 && close(fd) == 0 && (fd = syscall(SYS_creat, "created", 0600)) >= 0);
	CHECK(size("created") == 0 && close(fd) == 0);
	CHECK_ERR(close(fd), EBADF);
	return 0;
}
