// conflicts: none
// the end of a pipe that a grandchild had, which has written before
#include "race.h"

static int p[2];

static void writer(void) { over("data", "new"); }
static void parent(void) { child(writer); }

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	done(child(parent));
	char c;
	CHECK(close(p[1]) == 0 && read(p[0], &c, 1) == 0);
	puts(get("data"));
	return 0;
}
