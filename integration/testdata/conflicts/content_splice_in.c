// conflicts: content data
// splice reads what another writes
#include "race.h"

static void one(void)
{
	int p[2], from = open("data", O_RDONLY);
	CHECK(pipe(p) == 0 && splice(from, NULL, p[1], NULL, 3, 0) == 3);
}
static void other(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
