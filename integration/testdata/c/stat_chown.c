// laplace: same
// chown to oneself works, to others fails with EPERM, whoever the others are on the host.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int main(void)
{
	uid_t u = getuid();
	gid_t g = getgid();
	struct stat st;
	CHECK(u != 0);
	int fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	static const char *const paths[] = {"lower", "new", "dir", "sym"};
	for (int i = 0; i < 4; i++) {
		const char *p = paths[i];
		CHECK(lchown(p, u, g) == 0 && lchown(p, -1, -1) == 0 && lchown(p, u, -1) == 0 && lchown(p, -1, g) == 0);
		CHECK(lstat(p, &st) == 0 && st.st_uid == u && st.st_gid == g);
		printf("%s %o\n", p, st.st_mode);
		static const uid_t others[] = {0, 1, 999, 1001, 12345, 65534, 0x70000000, 0x7ffffffe};
		for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
			CHECK_ERR(lchown(p, others[j], -1), EPERM);
			CHECK_ERR(lchown(p, -1, others[j]), EPERM);
			CHECK_ERR(lchown(p, others[j], others[j]), EPERM);
		}
	}
	CHECK(chown("sym", u, g) == 0 && fchown(fd, u, g) == 0 && fchownat(AT_FDCWD, "dir", u, g, 0) == 0);
	CHECK(fchownat(fd, "", u, g, AT_EMPTY_PATH) == 0 && fchownat(AT_FDCWD, "sym", u, g, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK_ERR(fchown(fd, 0, 0), EPERM);
	CHECK_ERR(chown("absent", u, g), ENOENT);
	CHECK_ERR(chown("new/x", u, g), ENOTDIR);
	CHECK_ERR(fchown(99, u, g), EBADF);
	CHECK_ERR(fchownat(AT_FDCWD, "new", u, g, 0x8), EINVAL);
	CHECK_ERR(syscall(SYS_chown, 8, u, g), EFAULT);
	int path = open("new", O_PATH);
	CHECK_ERR(fchown(path, u, g), EBADF);
	CHECK(chown("/dev/null", -1, -1) == 0 || errno == EPERM || errno == EROFS);
	return 0;
}
