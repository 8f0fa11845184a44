// conflicts: none
// descriptors of one process that share an offset
#include "race.h"

static void one(void)
{
	int fd = open("a", O_WRONLY), two = dup(fd);
	CHECK(write(fd, "1", 1) == 1 && write(two, "2", 1) == 1);
}
static void other(void) { over("b", "2"); }

int main(void)
{
	put("a", "");
	put("b", "");
	both(one, other);
	puts(get("a"));
	return 0;
}
