// conflicts: ordered content data
// after the first lock of the box there is one order
#include "race.h"
#include <sys/file.h>

static void one(void) { over("data", "a"); }
static void other(void) { over("data", "b"); }

int main(void)
{
	put("data", "old");
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0 && close(fd) == 0);
	both(one, other);
	return 0;
}
