// conflicts: metadata data
// by descriptors, one sets the attribute for which another asks
#include "race.h"
#include <sys/xattr.h>

static void one(void)
{
	int fd = open("data", O_RDWR);
	CHECK(fd >= 0 && fsetxattr(fd, "user.k", "v", 1, 0) == 0);
}
static void other(void)
{
	char b[8];
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0);
	fgetxattr(fd, "user.k", b, sizeof b);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
