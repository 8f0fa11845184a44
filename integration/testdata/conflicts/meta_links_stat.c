// conflicts: metadata a|b
// one asks for the number of links of a file of which another removes one
#include "race.h"

static void one(void) { CHECK(unlink("a") == 0); }
static void other(void)
{
	struct stat st;
	CHECK(stat("b", &st) == 0);
}

int main(void)
{
	put("a", "1");
	CHECK(link("a", "b") == 0);
	both(one, other);
	return 0;
}
