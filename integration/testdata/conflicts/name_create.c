// conflicts: name x; maybe metadata x
// two make one file, and write nothing
#include "race.h"

static void one(void) { CHECK(open("x", O_WRONLY | O_CREAT, 0644) >= 0); }
static void other(void) { CHECK(open("x", O_WRONLY | O_CREAT, 0644) >= 0); }

int main(void)
{
	both(one, other);
	return 0;
}
