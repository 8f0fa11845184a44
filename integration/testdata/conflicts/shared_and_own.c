// conflicts: content log
// one appends through an inherited descriptor, another through its own
#include "race.h"

static int fd;

static void one(void) { CHECK(write(fd, "a", 1) == 1); }
static void other(void) { over("log", "bb"); }

int main(void)
{
	put("log", "");
	fd = open("log", O_WRONLY);
	CHECK(fd >= 0);
	both(one, other);
	return 0;
}
