// conflicts: name data
// one removes a file, another reads it
#include "race.h"

static void one(void) { CHECK(unlink("data") == 0); }
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
