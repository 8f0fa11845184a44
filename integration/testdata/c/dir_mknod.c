// laplace: same
// mknod and mkfifo: what an ordinary user may make.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void show(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	printf("%s %o size %ld links %ld\n", path, st.st_mode, st.st_size, (long)st.st_nlink);
}

int main(void)
{
	CHECK(mkfifo("fifo", 0666) == 0);
	show("fifo");
	CHECK(mknod("fifo2", S_IFIFO | 0600, 0) == 0);
	show("fifo2");
	CHECK(mknod("regular", S_IFREG | 0640, 0) == 0);
	show("regular");
	CHECK(mknod("zero", 0600, 0) == 0);
	show("zero");
	CHECK(mknod("socket", S_IFSOCK | 0600, 0) == 0);
	show("socket");
	CHECK(unlink("socket") == 0);
	CHECK(mknodat(AT_FDCWD, "at", S_IFREG | 0600, 0) == 0);
	CHECK_ERR(mknod("null", S_IFCHR | 0666, makedev(1, 3)), EPERM);
	CHECK_ERR(mknod("disk", S_IFBLK | 0666, makedev(8, 0)), EPERM);
	CHECK_ERR(mknod("dir", S_IFDIR | 0755, 0), EPERM);
	CHECK_ERR(mknod("bad", S_IFLNK | 0755, 0), EINVAL);
	CHECK_ERR(mkfifo("fifo", 0666), EEXIST);
	CHECK_ERR(mkfifo("absent/x", 0666), ENOENT);
	CHECK_ERR(mkfifo("regular/x", 0666), ENOTDIR);
	if (boxed()) /* an overlay's whiteout: natively any user may make one */
		CHECK(mknod("whiteout", S_IFCHR | 0666, 0) == -1);
	CHECK(rename("fifo", "dirless") == 0 && chmod("dirless", 0644) == 0);
	show("dirless");
	return 0;
}
