// conflicts: name d
// a directory is renamed while one reads below it
#include "race.h"

static void one(void) { CHECK(rename("d", "e") == 0); }
static void other(void) { get("d/f"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/f", "1");
	both(one, other);
	return 0;
}
