// conflicts: name d; maybe metadata d
// one makes a directory, another a file in it
#include "race.h"

static void one(void) { CHECK(mkdir("d", 0755) == 0); }
static void other(void) { open("d/f", O_WRONLY | O_CREAT, 0644); }

int main(void)
{
	both(one, other);
	return 0;
}
