// conflicts: name in; maybe metadata in
// one starts a short script, another gives its interpreter another meaning
#include "race.h"

static void one(void)
{
	execl("./s", "s", (char *)NULL);
	_exit(0);
}
static void other(void) { rename("in2", "in"); }

int main(void)
{
	put("s", "#!./in\n");
	CHECK(chmod("s", 0755) == 0 && symlink("/bin/true", "in") == 0 && symlink("/usr/bin/true", "in2") == 0);
	both(one, other);
	return 0;
}
