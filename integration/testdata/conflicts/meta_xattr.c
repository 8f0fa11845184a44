// conflicts: metadata data
// one asks for an attribute that another sets
#include "race.h"
#include <sys/xattr.h>

static void one(void) { CHECK(setxattr("data", "user.k", "v", 1, 0) == 0); }
static void other(void)
{
	char b[8];
	getxattr("data", "user.k", b, sizeof b);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
