// conflicts: listing d
// one lists a directory in which another renames
#include "race.h"

static void one(void) { list("d"); }
static void other(void) { CHECK(rename("d/old", "d/new") == 0); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/old", "1");
	both(one, other);
	return 0;
}
