// conflicts: none
// two read through a symbolic link, one of whose other targets changes
#include "race.h"

static void one(void) { get("l"); }
static void other(void) { over("b", "3"); }

int main(void)
{
	put("a", "1");
	put("b", "2");
	CHECK(symlink("a", "l") == 0);
	both(one, other);
	puts(get("l"));
	return 0;
}
