// conflicts: none
// two list a directory
#include "race.h"

static void one(void) { list("d"); }
static void other(void) { list("d"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/f", "old");
	both(one, other);
	printf("%d\n", list("d"));
	return 0;
}
