// conflicts: name a
// two files change places while one is read
#include "race.h"

static void one(void) { CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) == 0); }
static void other(void) { get("a"); }

int main(void)
{
	put("a", "1");
	put("b", "2");
	both(one, other);
	return 0;
}
