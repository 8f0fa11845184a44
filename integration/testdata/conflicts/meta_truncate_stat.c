// conflicts: content|metadata data
// one asks for the size of what another truncates
#include "race.h"

static void one(void)
{
	struct stat st;
	CHECK(stat("data", &st) == 0);
}
static void other(void) { CHECK(truncate("data", 1) == 0); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
