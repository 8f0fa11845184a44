// conflicts: metadata data
// one asks for the mode that another changes
#include "race.h"

static void one(void) { CHECK(chmod("data", 0600) == 0); }
static void other(void)
{
	struct stat st;
	CHECK(stat("data", &st) == 0);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
