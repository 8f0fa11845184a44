// conflicts: none
// a directory is renamed while one reads in it by a descriptor
#include "race.h"

static int dir;

static void one(void) { CHECK(rename("d", "e") == 0); }
static void other(void) { CHECK(openat(dir, "f", O_RDONLY) >= 0); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/f", "1");
	dir = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	both(one, other);
	puts(get("e/f"));
	return 0;
}
