// conflicts: either content data
// one has a lock, for which the other does not ask
#include "race.h"
#include <sys/file.h>

static void one(void)
{
	int fd = open("lock", O_RDWR);
	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	over("data", "a");
}
static void other(void) { over("data", "b"); }

int main(void)
{
	put("data", "old");
	put("lock", "");
	both(one, other);
	return 0;
}
