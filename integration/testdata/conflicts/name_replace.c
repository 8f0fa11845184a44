// conflicts: name data; maybe content data|new; maybe metadata data|new
// one reads a file that another replaces by a new one
#include "race.h"

static void one(void)
{
	put("new", "new");
	CHECK(rename("new", "data") == 0);
}
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
