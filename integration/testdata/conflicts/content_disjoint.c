// conflicts: content data
// two write to different parts of one file: by file, not by bytes
#include "race.h"

static void one(void)
{
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "a", 1, 0) == 1);
}
static void other(void)
{
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "b", 1, 4) == 1);
}

int main(void)
{
	put("data", "old old");
	both(one, other);
	return 0;
}
