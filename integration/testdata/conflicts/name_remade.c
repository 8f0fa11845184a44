// conflicts: name data; maybe content data; maybe metadata data
// one removes a file and makes it again, another reads
#include "race.h"

static void one(void)
{
	CHECK(unlink("data") == 0);
	put("data", "new");
}
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
