// conflicts: content a|b
// one file by two of its names
#include "race.h"

static void one(void) { over("a", "1"); }
static void other(void) { over("b", "2"); }

int main(void)
{
	put("a", "old");
	CHECK(link("a", "b") == 0);
	both(one, other);
	return 0;
}
