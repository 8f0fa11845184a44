// conflicts: name l
// a symbolic link is replaced by another while one reads it
#include "race.h"

static void one(void) { CHECK(rename("new", "l") == 0); }
static void other(void)
{
	char b[8];
	CHECK(readlink("l", b, sizeof b) == 1);
}

int main(void)
{
	CHECK(symlink("a", "l") == 0 && symlink("b", "new") == 0);
	both(one, other);
	return 0;
}
