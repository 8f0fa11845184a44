// conflicts: none
// a directory is renamed by its parent while one works in it
#include "race.h"

static void one(void) { CHECK(rename("../../top/d", "../../top/e") == 0); }
static void other(void) { get("f"); }

int main(void)
{
	CHECK(mkdir("top", 0755) == 0 && mkdir("top/d", 0755) == 0 && chdir("top/d") == 0);
	put("f", "1");
	both(one, other);
	puts(get("f"));
	return 0;
}
