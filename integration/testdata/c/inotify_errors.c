// laplace: same
// inotify: what its calls refuse, masks and flags of a watch, the room that a read needs, and overflow.
#include "check.h"
#include "inotify.h"
#include <poll.h>
#include <sys/ioctl.h>

int main(void)
{
	char b[4096], link[32];
	int n, in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), file = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(in >= 0 && fcntl(in, F_GETFD) == FD_CLOEXEC && fcntl(in, F_GETFL) == O_NONBLOCK);
	CHECK_ERR(inotify_init1(1), EINVAL);
	ssize_t len = readlink("/proc/self/fd/3", link, sizeof link);
	printf("%.*s\n", (int)len, link);
	CHECK(mkdir("d", 0755) == 0 && mkdir("closed", 0) == 0 && symlink("d", "s") == 0);
	CHECK_ERR(inotify_add_watch(in, "d", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(in, "d", IN_CREATE | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(99, "d", IN_CREATE), EBADF);
	CHECK_ERR(inotify_add_watch(file, "d", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(in, "nothing", IN_CREATE), ENOENT);
	CHECK_ERR(inotify_add_watch(in, "file", IN_CREATE | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(in, "s", IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW), ENOTDIR);
	CHECK_ERR(inotify_add_watch(in, "closed", IN_CREATE), EACCES);
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(file, 1), EINVAL);
	CHECK_ERR(write(in, b, 8), EBADF);
	CHECK_ERR(read(in, b, sizeof b), EAGAIN);

	int wd = inotify_add_watch(in, "d", IN_CREATE);
	CHECK(wd == 1 && inotify_add_watch(in, "s", IN_DELETE | IN_MASK_ADD) == wd);
	CHECK_ERR(inotify_add_watch(in, "d", IN_CREATE | IN_MASK_CREATE), EEXIST);
	E(mkdir("d/x", 0755));
	E(chmod("d/x", 0700));
	E(rmdir("d/x"));
	CHECK(inotify_add_watch(in, "d", IN_DELETE) == wd);
	E(mkdir("d/x", 0755));
	E(rmdir("d/x"));
	CHECK(inotify_add_watch(in, "file", IN_MODIFY | IN_ONESHOT) == 2);
	CHECK(write(file, "a", 1) == 1);
	E(write(file, "a", 1));

	/* Merged, and how much is to be read. */
	CHECK(inotify_add_watch(in, "file", IN_MODIFY) == 3);
	for (int i = 0; i < 3; i++)
		CHECK(write(file, "a", 1) == 1);
	struct pollfd p = {.fd = in, .events = POLLIN | POLLOUT};
	CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 16 && poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK_ERR(read(in, b, 15), EINVAL);
	events(in, "three writes");
	CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 0 && poll(&p, 1, 0) == 0);
	CHECK(inotify_add_watch(in, "d", IN_CREATE | IN_DELETE) == wd);
	CHECK(mkdir("d/fifteen-letters", 0755) == 0 && mkdir("d/sixteen-letters-", 0755) == 0);
	CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 16 + 16 + 16 + 32);
	CHECK(read(in, b, 40) == 32);
	CHECK_ERR(read(in, b, 40), EINVAL);
	events(in, "the other");

	/* A child that is gone. */
	CHECK(inotify_add_watch(in, "d", IN_MODIFY | IN_EXCL_UNLINK) == wd);
	int f = open("d/f", O_RDWR | O_CREAT, 0644);
	E(write(f, "a", 1));
	CHECK(unlink("d/f") == 0);
	E(write(f, "a", 1));

	/* Closed: what it watched is watched no more. */
	int other = inotify_init1(IN_NONBLOCK);
	CHECK(inotify_add_watch(other, "d", IN_ALL_EVENTS) == 1);
	close(other);
	CHECK((other = inotify_init1(IN_NONBLOCK)) >= 0);
	CHECK(inotify_add_watch(other, "d", IN_ALL_EVENTS) == 1);
	CHECK(rmdir("d/fifteen-letters") == 0);
	events(other, "another");
	return 0;
}
