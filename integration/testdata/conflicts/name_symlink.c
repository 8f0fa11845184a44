// conflicts: name l; maybe metadata l
// two make one symbolic link
#include "race.h"

static void one(void) { if (symlink("a", "l")) {} }
static void other(void) { if (symlink("b", "l")) {} }

int main(void)
{
	both(one, other);
	return 0;
}
