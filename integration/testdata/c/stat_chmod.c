// laplace: same
// chmod by every call, with the setuid, setgid and sticky bits and their rules.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static unsigned mode(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	return st.st_mode & 07777;
}

int main(void)
{
	static const unsigned modes[] = {0600, 0755, 0444, 0777, 01777, 02755, 04755, 06711, 07777, 0644};
	int fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	static const char *const paths[] = {"lower", "new", "dir"};
	for (int p = 0; p < 3; p++)
		for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
			CHECK(chmod(paths[p], modes[i] | (p == 2 ? 0700 : 0)) == 0);
			printf("%s %04o\n", paths[p], mode(paths[p]));
		}
	CHECK(fchmod(fd, 0640) == 0 && mode("new") == 0640);
	CHECK(fchmodat(AT_FDCWD, "new", 0604, 0) == 0 && mode("new") == 0604);
	CHECK(chmod("new", 0100644) == 0 && mode("new") == 0644); /* bits of the type are ignored */
	CHECK(chmod("sym", 0666) == 0 && mode("lower") == 0666);
	CHECK(mode("suid") == 04755);

	/* A write by an ordinary user takes setuid and setgid away. */
	CHECK(fchmod(fd, 06755) == 0 && write(fd, "x", 1) == 1);
	printf("after write %04o\n", mode("new"));
	CHECK(fchmod(fd, 06755) == 0 && ftruncate(fd, 0) == 0);
	printf("after ftruncate %04o\n", mode("new"));
	int other = open("suid", O_WRONLY);
	CHECK(other >= 0 && write(other, "x", 1) == 1 && close(other) == 0);
	printf("after write to a lower file %04o\n", mode("suid"));
	CHECK(fchmod(fd, 06755) == 0 && chown("new", -1, getgid()) == 0);
	printf("after chown %04o\n", mode("new"));

	/* setgid directories pass themselves on. */
	CHECK(chmod("dir", 02755) == 0 && mkdir("dir/sub", 0700) == 0 && mknod("dir/file", S_IFREG | 0600, 0) == 0);
	printf("in a setgid directory %04o %04o\n", mode("dir/sub"), mode("dir/file"));

	/* Symbolic links have no mode of their own. */
	CHECK_ERR(syscall(SYS_fchmodat, AT_FDCWD, "absent", 0600), ENOENT);
	int sym = open("sym", O_PATH | O_NOFOLLOW), path = open("new", O_PATH);
	CHECK(sym >= 0 && path >= 0);
	CHECK_ERR(fchmod(path, 0600), EBADF);
	CHECK_ERR(fchmodat(AT_FDCWD, "sym", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	CHECK_ERR(chmod("absent", 0600), ENOENT);
	CHECK_ERR(chmod("new/x", 0600), ENOTDIR);
	CHECK_ERR(fchmod(99, 0600), EBADF);
	CHECK_ERR(syscall(SYS_chmod, 8, 0600), EFAULT);
	return 0;
}
