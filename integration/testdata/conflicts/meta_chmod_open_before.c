// conflicts: none
// one reads what it had open when another takes the permission away
#include "race.h"

static int fd;

static void one(void) { CHECK(chmod("data", 0) == 0); }
static void other(void)
{
	char c;
	CHECK(pread(fd, &c, 1, 0) == 1);
}

int main(void)
{
	put("data", "old");
	fd = open("data", O_RDONLY);
	CHECK(fd >= 0);
	both(one, other);
	return 0;
}
