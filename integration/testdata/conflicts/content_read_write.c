// conflicts: content data
// one reads what another writes
#include "race.h"

static void one(void) { get("data"); }
static void other(void) { over("data", "b"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
