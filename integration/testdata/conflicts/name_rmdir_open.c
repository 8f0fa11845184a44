// conflicts: name d; maybe listing d; maybe metadata d
// a directory is removed while one opens it
#include "race.h"

static void one(void) { CHECK(rmdir("d") == 0); }
static void other(void) { open("d", O_RDONLY | O_DIRECTORY); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	return 0;
}
