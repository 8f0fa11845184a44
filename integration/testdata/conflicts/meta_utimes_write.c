// conflicts: content|metadata data
// one sets the time of what another writes: which time is left
#include "race.h"

static struct timespec t[2] = {{1, 0}, {1, 0}};

static void one(void) { CHECK(utimensat(AT_FDCWD, "data", t, 0) == 0); }
static void other(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
