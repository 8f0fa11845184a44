// conflicts: none
// one reads a file whose time another sets, and then the clock
#include "race.h"
#include <time.h>

static struct timespec t[2] = {{1, 0}, {1, 0}};

static void one(void) { CHECK(utimensat(AT_FDCWD, "data", t, 0) == 0); }
static void other(void)
{
	get("data");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (boxed())
		printf("%ld.%09ld\n", now.tv_sec, now.tv_nsec);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
