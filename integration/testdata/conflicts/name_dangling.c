// conflicts: name x; maybe metadata x
// one makes a file through a symbolic link, another looks for it
#include "race.h"

static void one(void) { CHECK(open("l", O_WRONLY | O_CREAT, 0644) >= 0); }
static void other(void) { access("x", F_OK); }

int main(void)
{
	CHECK(symlink("x", "l") == 0);
	both(one, other);
	return 0;
}
