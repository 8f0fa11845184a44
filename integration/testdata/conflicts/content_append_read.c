// conflicts: content log
// one reads what another appends
#include "race.h"

static void one(void) { get("log"); }
static void other(void) { add("log", "b"); }

int main(void)
{
	put("log", "old");
	both(one, other);
	return 0;
}
