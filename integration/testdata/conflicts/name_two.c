// conflicts: none
// two make different names in a directory
#include "race.h"

static void one(void) { put("d/a", "1"); }
static void other(void) { put("d/b", "2"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	printf("%d\n", list("d"));
	return 0;
}
