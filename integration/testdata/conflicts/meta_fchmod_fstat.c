// conflicts: metadata data
// by descriptors, one changes the mode for which another asks
#include "race.h"

static void one(void)
{
	int fd = open("data", O_RDWR);
	CHECK(fd >= 0 && fchmod(fd, 0600) == 0);
}
static void other(void)
{
	struct stat st;
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
