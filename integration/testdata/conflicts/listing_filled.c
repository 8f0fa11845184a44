// conflicts: listing d
// one lists a directory that another fills
#include "race.h"

static void one(void) { list("d"); }
static void other(void) { put("d/new", "1"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	return 0;
}
