// conflicts: metadata data
// two change a mode
#include "race.h"

static void one(void) { CHECK(chmod("data", 0600) == 0); }
static void other(void) { CHECK(chmod("data", 0640) == 0); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
