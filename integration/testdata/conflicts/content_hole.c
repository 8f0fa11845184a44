// conflicts: content|metadata data
// one asks where the data is, another writes some
#include "race.h"

static void one(void)
{
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && lseek(fd, 0, SEEK_HOLE) >= 0);
}
static void other(void)
{
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 100000) == 1);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
