// conflicts: content|metadata data
// one asks for the size and time of what another writes
#include "race.h"

static void one(void)
{
	struct stat st;
	CHECK(stat("data", &st) == 0);
}
static void other(void) { over("data", "newer"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
