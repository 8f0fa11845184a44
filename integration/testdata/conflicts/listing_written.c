// conflicts: none
// one lists a directory, another writes to a file of it
#include "race.h"

static void one(void) { list("d"); }
static void other(void) { over("d/f", "new"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	put("d/f", "old");
	both(one, other);
	puts(get("d/f"));
	return 0;
}
