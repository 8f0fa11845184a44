// conflicts: name x; maybe metadata x
// one looks whether there is what another makes
#include "race.h"

static void one(void) { access("x", F_OK); }
static void other(void) { CHECK(open("x", O_WRONLY | O_CREAT, 0644) >= 0); }

int main(void)
{
	both(one, other);
	return 0;
}
