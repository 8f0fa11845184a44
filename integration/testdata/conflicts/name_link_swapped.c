// conflicts: name l
// a symbolic link is replaced by another while one reads through it
#include "race.h"

static void one(void) { CHECK(rename("new", "l") == 0); }
static void other(void) { get("l"); }

int main(void)
{
	put("a", "1");
	put("b", "2");
	CHECK(symlink("a", "l") == 0 && symlink("b", "new") == 0);
	both(one, other);
	return 0;
}
