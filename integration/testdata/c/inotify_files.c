// laplace: same
// inotify: what is told of a directory and of a file in it, call by call, of files.
#include "check.h"
#include "inotify.h"
#include <sys/xattr.h>

int main(void)
{
	char b[100];
	int f, g, in = inotify_init1(IN_NONBLOCK);
	CHECK(mkdir("d", 0755) == 0 && inotify_add_watch(in, "d", IN_ALL_EVENTS) == 1);
	E(f = open("d/a", O_RDWR | O_CREAT | O_TRUNC, 0644));
	CHECK(inotify_add_watch(in, "d/a", IN_ALL_EVENTS) == 2);
	E(write(f, "abc", 3));
	E(write(f, "", 0));
	CHECK(write(f, "abc", 3) == 3);
	CHECK(write(f, "abc", 3) == 3); /* the pair of a directory and a file is not merged */
	events(in, "two writes");
	E(pread(f, b, 3, 0));
	E(pread(f, b, 3, 100));
	E(ftruncate(f, 2));
	E(fchmod(f, 0600));
	E(fchown(f, -1, -1));
	E(fchown(f, getuid(), -1));
	E(futimens(f, NULL));
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	E(futimens(f, ts));
	ts[0].tv_nsec = UTIME_NOW, ts[1].tv_nsec = UTIME_OMIT;
	E(futimens(f, ts));
	ts[0].tv_nsec = UTIME_OMIT;
	E(futimens(f, ts));
	E(fsetxattr(f, "user.x", "y", 1, 0));
	E(fremovexattr(f, "user.x"));
	E(fallocate(f, 0, 0, 100));
	E(g = dup(f));
	E(close(f));
	E(close(g));
	E(f = open("d/a", O_RDONLY));
	E(g = open("d/a", O_RDONLY));
	E(close(f));
	E(close(g));
	E(f = open("d/a", O_WRONLY | O_TRUNC));
	E(close(f));
	E(truncate("d/a", 0));
	E(f = open("d/a", O_PATH));
	E(close(f));
	E(f = open("d/x", O_CREAT | O_EXCL | O_RDWR, 0600));
	E(close(f));
	E(unlink("d/x"));

	/* A directory. */
	E(f = open("d", O_RDONLY | O_DIRECTORY));
	E(close(f));
	E(chmod("d", 0700));

	/* No more. */
	E(inotify_rm_watch(in, 2));
	E(chmod("d/a", 0600));
	CHECK_ERR(inotify_rm_watch(in, 2), EINVAL);
	E(unlink("d/a"));
	E(rmdir("d"));
	return 0;
}
