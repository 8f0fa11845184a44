// conflicts: content data
// splice writes what another reads
#include "race.h"

static void one(void)
{
	int p[2], to = open("data", O_WRONLY);
	CHECK(pipe(p) == 0 && write(p[1], "new", 3) == 3 && splice(p[0], NULL, to, NULL, 3, 0) == 3);
}
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
