// conflicts: content copy
// copy_file_range writes what another reads
#include "race.h"

static void one(void)
{
	int from = open("data", O_RDONLY), to = open("copy", O_WRONLY);
	CHECK(from >= 0 && to >= 0 && copy_file_range(from, NULL, to, NULL, 3, 0) == 3);
}
static void other(void) { get("copy"); }

int main(void)
{
	put("data", "old");
	put("copy", "---");
	both(one, other);
	return 0;
}
