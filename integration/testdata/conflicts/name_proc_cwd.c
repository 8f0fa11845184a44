// conflicts: name d|e
// a directory is renamed while one asks /proc for the path of the one in which it works
#include "race.h"

static void one(void) { CHECK(rename("../d", "../e") == 0); }
static void other(void)
{
	char b[4096];
	CHECK(readlink("/proc/self/cwd", b, sizeof b) > 0);
}

int main(void)
{
	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	both(one, other);
	return 0;
}
