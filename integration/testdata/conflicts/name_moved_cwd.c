// conflicts: name new; maybe metadata new
// one makes what another looks for, by different paths, where a directory has been moved before
#include "race.h"

static void mover(void) { CHECK(rename("../../x/d", "../../y/d") == 0); }
static void looker(void) { access("../new", F_OK); }
static void maker(void) { CHECK(mkdir("../../y/s/../new", 0755) == 0); }

int main(void)
{
	CHECK(mkdir("x", 0755) == 0 && mkdir("y", 0755) == 0 && mkdir("x/d", 0755) == 0 && mkdir("y/s", 0755) == 0 && chdir("x/d") == 0);
	access("../f", F_OK);
	done(child(mover));
	both(looker, maker);
	return 0;
}
