// conflicts: metadata d
// one goes through a directory whose mode another changes
#include "race.h"

static void one(void) { CHECK(chmod("d", 0700) == 0); }
static void other(void) { get("d/f"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/f", "1");
	both(one, other);
	return 0;
}
