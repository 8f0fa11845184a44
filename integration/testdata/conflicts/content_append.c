// conflicts: append log
// two append to one file
#include "race.h"

static void one(void) { add("log", "a"); }
static void other(void) { add("log", "b"); }

int main(void)
{
	put("log", "old");
	both(one, other);
	return 0;
}
