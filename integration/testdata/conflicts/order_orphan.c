// conflicts: content data
// a grandchild writes for which nobody waits
#include "race.h"

static int end[2];

static void writer(void) { over("data", "new"); }
static void parent(void) { child(writer); }

int main(void)
{
	put("data", "old");
	CHECK(pipe(end) == 0);
	done(child(parent));
	get("data");
	char c;
	CHECK(close(end[1]) == 0 && read(end[0], &c, 1) == 0);
	return 0;
}
