// conflicts: metadata data
// one opens what another makes read-only
#include "race.h"

static void one(void) { CHECK(chmod("data", 0400) == 0); }
static void other(void) { open("data", O_RDWR); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
