// conflicts: content laplace-race
// two write to one file in /dev/shm
#include "race.h"

static void one(void) { over("/dev/shm/laplace-race", "a"); }
static void other(void) { over("/dev/shm/laplace-race", "b"); }

int main(void)
{
	put("/dev/shm/laplace-race", "old");
	both(one, other);
	CHECK(unlink("/dev/shm/laplace-race") == 0);
	return 0;
}
