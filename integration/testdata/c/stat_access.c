// laplace: same
// access, faccessat and faccessat2 by mode bits, and what the bits then allow.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int main(void)
{
	static const char *const modes[] = {"000", "111", "222", "333", "400", "444", "555", "666", "711", "755", "777"};
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		char path[8];
		snprintf(path, sizeof path, "f%s", modes[i]);
		printf("%s", path);
		for (int want = 0; want < 8; want++) {
			int a = access(path, want), b = faccessat(AT_FDCWD, path, want, AT_EACCESS);
			int c = syscall(SYS_faccessat2, AT_FDCWD, path, want, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
			int d = syscall(SYS_faccessat, AT_FDCWD, path, want);
			CHECK(a == b && b == c && c == d);
			CHECK(a == 0 || (access(path, want) == -1 && errno == EACCES));
			printf(" %d", a);
		}
		errno = 0;
		int fd = open(path, O_RDONLY);
		printf(" read %s", errname(fd < 0 ? errno : 0));
		if (fd >= 0)
			CHECK(close(fd) == 0);
		fd = open(path, O_WRONLY);
		printf(" write %s\n", errname(fd < 0 ? errno : 0));
		if (fd >= 0)
			CHECK(close(fd) == 0);
		CHECK(chmod(path, 0644) == 0); /* so that whoever compares can read it */
	}
	struct stat st;
	CHECK(chmod("closed", 0555) == 0 && chmod("nosearch", 0644) == 0 && chmod("noread", 0311) == 0);
	CHECK_ERR(open("closed/new", O_WRONLY | O_CREAT, 0644), EACCES);
	CHECK_ERR(unlink("closed/x"), EACCES);
	CHECK_ERR(mkdir("closed/d", 0755), EACCES);
	CHECK_ERR(rename("closed/x", "closed/y"), EACCES);
	CHECK_ERR(stat("nosearch/x", &st), EACCES);
	CHECK_ERR(chdir("nosearch"), EACCES);
	CHECK_ERR(open("noread", O_RDONLY | O_DIRECTORY), EACCES);
	CHECK(stat("noread/x", &st) == 0 && unlink("noread/x") == 0);
	CHECK(chmod("closed", 0755) == 0 && chmod("nosearch", 0755) == 0 && chmod("noread", 0755) == 0);
	CHECK(unlink("closed/x") == 0);

	CHECK(access(".", R_OK | W_OK | X_OK) == 0 && access("open/../prog", X_OK) == 0);
	CHECK(access("/usr/bin/env", R_OK | X_OK) == 0 && access("/", R_OK | X_OK) == 0 && access("/dev/null", R_OK | W_OK) == 0);
	CHECK(access("/usr/bin/env", W_OK) == -1 && access("/", W_OK) == -1 && access("/etc", W_OK) == -1);
	CHECK_ERR(access("absent", F_OK), ENOENT);
	CHECK_ERR(access("prog/x", F_OK), ENOTDIR);
	CHECK_ERR(access("prog", 8), EINVAL);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "prog", F_OK, 0x8), EINVAL);
	CHECK_ERR(faccessat(99, "prog", F_OK, 0), EBADF);
	CHECK_ERR(syscall(SYS_access, 8, F_OK), EFAULT);
	return 0;
}
