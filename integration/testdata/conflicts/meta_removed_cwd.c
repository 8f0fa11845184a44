// conflicts: metadata|listing k; maybe name k
// one makes a directory in its working directory, which another removes
#include "race.h"

static void make(void) { mkdir("z", 0755); }
static void other(void) { rmdir("../k"); }

int main(void)
{
	CHECK(mkdir("k", 0755) == 0 && chdir("k") == 0);
	both(make, other);
	return 0;
}
