// conflicts: name d|e
// a directory is renamed while one asks for the path of the one in which it works, and keeps it
#include "race.h"

static void one(void) { CHECK(rename("../d", "../e") == 0); }
static void other(void)
{
	char b[4096];
	CHECK(getcwd(b, sizeof b) != NULL);
	put("path", strrchr(b, '/'));
}

int main(void)
{
	CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	both(one, other);
	return 0;
}
