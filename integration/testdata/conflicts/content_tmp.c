// conflicts: content laplace-race
// two write to one file in /tmp
#include "race.h"

static void one(void) { over("/tmp/laplace-race", "a"); }
static void other(void) { over("/tmp/laplace-race", "b"); }

int main(void)
{
	put("/tmp/laplace-race", "old");
	both(one, other);
	CHECK(unlink("/tmp/laplace-race") == 0);
	return 0;
}
