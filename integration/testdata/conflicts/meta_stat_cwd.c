// conflicts: metadata project
// one asks for the mode of its working directory without a path, another changes it
#define _GNU_SOURCE
#include "race.h"

static void one(void)
{
	struct stat st;
	CHECK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0);
}
static void other(void) { chmod(".", 0700); }

int main(void)
{
	both(one, other);
	CHECK(chmod(".", 0755) == 0);
	return 0;
}
