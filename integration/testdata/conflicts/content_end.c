// conflicts: content|metadata data
// one asks where the end is, another appends
#include "race.h"

static void one(void)
{
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && lseek(fd, 0, SEEK_END) >= 3);
}
static void other(void) { add("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
