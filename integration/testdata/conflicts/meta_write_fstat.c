// conflicts: content|metadata data
// one asks for the size of what another writes, by a descriptor
#include "race.h"

static int fd;

static void one(void)
{
	struct stat st;
	CHECK(fstat(fd, &st) == 0);
}
static void other(void) { over("data", "newer"); }

int main(void)
{
	put("data", "old");
	fd = open("data", O_RDONLY);
	CHECK(fd >= 0);
	both(one, other);
	return 0;
}
