// conflicts: name e
// a directory gets the name for which another looks
#include "race.h"

static void one(void) { CHECK(rename("d", "e") == 0); }
static void other(void) { access("e/f", F_OK); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	return 0;
}
