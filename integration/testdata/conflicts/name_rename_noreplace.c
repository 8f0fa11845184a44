// conflicts: name to
// two rename to a name that must be free
#include "race.h"

static void one(void) { renameat2(AT_FDCWD, "a", AT_FDCWD, "to", RENAME_NOREPLACE); }
static void other(void) { renameat2(AT_FDCWD, "b", AT_FDCWD, "to", RENAME_NOREPLACE); }

int main(void)
{
	put("a", "1");
	put("b", "2");
	both(one, other);
	return 0;
}
