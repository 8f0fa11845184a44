// conflicts: listing|name d; maybe metadata d
// one removes a directory, named with a slash at its end, if it is empty, another makes a file in it
#include "race.h"

static void one(void) { rmdir("d/"); }
static void other(void) { open("d/f", O_WRONLY | O_CREAT, 0644); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	return 0;
}
