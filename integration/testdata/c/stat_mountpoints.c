// laplace: pinned refused=*
// Whether a mount point of the box is the guest's does not depend on who runs the box.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char *result(long r) { return r < 0 ? errname(errno) : "ok"; }

int main(void)
{
	const char *paths[] = {"/", "/dev", "/dev/null", "/dev/pts", "/dev/pts/ptmx", "/dev/shm", "/dev/tty", "/etc", "/etc/passwd",
		"/home", "/proc", "/proc/self", "/sys", "/tmp", "/usr", "/var", "/var/tmp", getenv("HOME")};
	struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, then[2] = {{1, 0}, {1, 0}};
	if (!boxed())
		return 0; /* the host's are not ours to try */
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct stat st;
		CHECK(stat(paths[i], &st) == 0);
		printf("%s: %o", i + 1 == sizeof paths / sizeof *paths ? "home" : paths[i], st.st_mode);
		printf(" now %s", result(utimensat(AT_FDCWD, paths[i], now, 0)));
		printf(" then %s", result(utimensat(AT_FDCWD, paths[i], then, 0)));
		printf(" chmod %s", result(chmod(paths[i], st.st_mode & 07777)));
		printf(" chown %s", result(chown(paths[i], getuid(), getgid())));
		printf(" setxattr %s\n", result(setxattr(paths[i], "user.test", "", 0, 0)));
	}
	CHECK(utimensat(AT_FDCWD, "/tmp", then, 0) == 0 && chmod("/tmp", 01777) == 0);
	return 0;
}
