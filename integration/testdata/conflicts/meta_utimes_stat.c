// conflicts: metadata data
// one asks for the time that another sets
#include "race.h"

static struct timespec t[2] = {{1, 0}, {1, 0}};

static void one(void) { CHECK(utimensat(AT_FDCWD, "data", t, 0) == 0); }
static void other(void)
{
	struct stat st;
	CHECK(stat("data", &st) == 0);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
