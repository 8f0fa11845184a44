// conflicts: name d
// a directory is moved while one goes up from it
#include "race.h"

static void one(void) { CHECK(rename("../../x/d", "../../y/d") == 0); }
static void other(void) { get("../f"); }

int main(void)
{
	CHECK(mkdir("x", 0755) == 0 && mkdir("y", 0755) == 0 && mkdir("x/d", 0755) == 0);
	put("x/f", "1");
	put("y/f", "2");
	CHECK(chdir("x/d") == 0);
	both(one, other);
	return 0;
}
