// conflicts: metadata data
// by descriptors, one sets the time for which another asks
#include "race.h"

static void one(void)
{
	int fd = open("data", O_RDWR);
	CHECK(fd >= 0 && futimens(fd, (struct timespec[2]){{1, 0}, {1, 0}}) == 0);
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
