// conflicts: content data
// two write to one file
#include "race.h"

static void one(void) { over("data", "a"); }
static void other(void) { over("data", "b"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
