// conflicts: name cur
// a symbolic link to a directory is replaced while one reads through it
#include "race.h"

static void one(void) { CHECK(rename("new", "cur") == 0); }
static void other(void) { get("cur/f"); }

int main(void)
{
	CHECK(mkdir("d1", 0755) == 0 && mkdir("d2", 0755) == 0);
	put("d1/f", "1");
	put("d2/f", "2");
	CHECK(symlink("d1", "cur") == 0 && symlink("d2", "new") == 0);
	both(one, other);
	return 0;
}
