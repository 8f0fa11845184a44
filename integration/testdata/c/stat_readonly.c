// laplace: pinned refused=*
// Nothing outside the project can be written: EROFS or EACCES, and never a success.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <utime.h>

static void refused(const char *what, long r)
{
	int e = errno;
	if (r >= 0)
		FAIL("%s succeeded", what);
	if (e != EROFS && e != EACCES && e != EPERM && e != EXDEV) {
		errno = e;
		FAIL("%s", what);
	}
	printf("%s %s\n", what, errname(e));
}

int main(void)
{
	refused("open", open("/usr/bin/env", O_WRONLY));
	refused("open O_RDWR", open("/etc/passwd", O_RDWR));
	refused("open O_TRUNC", open("/etc/passwd", O_RDONLY | O_TRUNC));
	refused("create", open("/usr/new", O_WRONLY | O_CREAT, 0644));
	refused("O_TMPFILE", open("/usr", O_WRONLY | O_TMPFILE, 0644));
	refused("mkdir", mkdir("/usr/newdir", 0755));
	refused("mkdir", mkdir("/newdir", 0755));
	refused("unlink", unlink("/usr/bin/env"));
	refused("rmdir", rmdir("/usr/share"));
	refused("rename", rename("/usr/bin/env", "/usr/bin/env2"));
	refused("rename away", rename("/usr/bin/env", "env"));
	refused("link", link("/usr/bin/env", "/usr/bin/env2"));
	refused("link here", link("/usr/bin/env", "env"));
	refused("symlink", symlink("x", "/usr/newlink"));
	refused("mknod", mknod("/usr/fifo", S_IFIFO | 0644, 0));
	refused("chmod", chmod("/usr/bin/env", 0777));
	refused("chown", chown("/usr/bin/env", getuid(), getgid()));
	refused("truncate", truncate("/usr/bin/env", 0));
	refused("utime", utime("/usr/bin/env", &(struct utimbuf){0, 0}));
	refused("utimensat", utimensat(AT_FDCWD, "/usr", NULL, 0));
	refused("setxattr", setxattr("/usr/bin/env", "user.x", "x", 1, 0));
	refused("proc", open("/proc/sys/kernel/hostname", O_WRONLY));
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY); /* natively anybody may open it */
	refused("proc", fd < 0 ? fd : write(fd, "300", 3));
	refused("proc", open("/proc/sys/kernel/pid_max", O_WRONLY));
	refused("root", chmod("/", 0777));
	CHECK_ERR(mkdir("/usr", 0755), EEXIST);
	CHECK_ERR(chroot("/usr"), EPERM);
	return 0;
}
