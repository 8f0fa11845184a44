// conflicts: none
// two remove different names from a directory
#include "race.h"

static void one(void) { CHECK(unlink("a") == 0); }
static void other(void) { CHECK(unlink("b") == 0); }

int main(void)
{
	put("a", "");
	put("b", "");
	both(one, other);
	puts(get("a"));
	return 0;
}
