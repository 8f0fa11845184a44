// laplace: pinned refused=ioctl!
// ioctls that show or change what a box does not pin are refused, by request and not by call.
#include "check.h"
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	static char buf[4096];
	int fd = open("file", O_RDWR | O_CREAT, 0644), null = open("/dev/null", O_RDWR), dir = open(".", O_RDONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	static const struct {
		const char *name;
		unsigned long request;
	} all[] = {
		{"FIBMAP", FIBMAP}, {"FS_IOC_FIEMAP", FS_IOC_FIEMAP}, {"FIGETBSZ", FIGETBSZ}, {"FS_IOC_GETFLAGS", FS_IOC_GETFLAGS},
		{"FS_IOC_GETVERSION", FS_IOC_GETVERSION}, {"FS_IOC_FSGETXATTR", FS_IOC_FSGETXATTR}, {"FICLONE", FICLONE},
		{"FIDEDUPERANGE", FIDEDUPERANGE}, {"FIFREEZE", FIFREEZE}, {"FITRIM", FITRIM}, {"BLKGETSIZE64", BLKGETSIZE64},
		{"TIOCSTI", TIOCSTI}, {"TIOCLINUX", TIOCLINUX}, {"TIOCCONS", TIOCCONS}, {"TIOCSCTTY", TIOCSCTTY}, {"FIOASYNC", FIOASYNC},
		{"ext4 getversion", 0x80046601}, {"btrfs ino lookup", 0xd0009412}, {"unknown", 0x12345678},
	};
	int works = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (int k = 0; k < 3; k++) {
			int f = k == 0 ? fd : k == 1 ? null : dir;
			memset(buf, 0, sizeof buf);
			errno = 0;
			int r = ioctl(f, all[i].request, buf);
			printf("%s %d %d %s %x\n", all[i].name, k, r, errname(errno), *(int *)buf);
			if (all[i].request == TIOCSTI || all[i].request == TIOCLINUX || all[i].request == TIOCCONS)
				CHECK(r == -1);
			works += r == 0;
		}
	/* Where the blocks of a file lie is the host's business. */
	struct fiemap *map = (void *)buf;
	memset(buf, 0, sizeof buf);
	map->fm_length = ~0UL;
	map->fm_extent_count = 10;
	errno = 0;
	int r = ioctl(fd, FS_IOC_FIEMAP, map);
	if (boxed())
		CHECK(r == -1);
	printf("%s\n", works > 0 ? "some work" : "none works");
	return 0;
}
