// conflicts: none
// each writes to a file of its own
#include "race.h"

static void one(void) { over("a", "1"); }
static void other(void) { over("b", "2"); }

int main(void)
{
	put("a", "old");
	put("b", "old");
	both(one, other);
	puts(get("a"));
	puts(get("b"));
	return 0;
}
