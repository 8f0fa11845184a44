// conflicts: name d
// a directory is renamed while one goes into it
#include "race.h"

static void one(void) { CHECK(rename("d", "e") == 0); }
static void other(void) { if (chdir("d")) {} }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	return 0;
}
