// conflicts: none
// one lists a directory, another fills one below it
#include "race.h"

static void one(void) { list("d"); }
static void other(void) { put("d/s/new", "1"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0 && mkdir("d/s", 0755) == 0);
	both(one, other);
	printf("%d\n", list("d/s"));
	return 0;
}
