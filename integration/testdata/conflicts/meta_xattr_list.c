// conflicts: metadata data
// one lists attributes while another removes one
#include "race.h"
#include <sys/xattr.h>

static void one(void) { CHECK(removexattr("data", "user.k") == 0); }
static void other(void)
{
	char b[256];
	listxattr("data", b, sizeof b);
}

int main(void)
{
	put("data", "old");
	CHECK(setxattr("data", "user.k", "v", 1, 0) == 0);
	both(one, other);
	return 0;
}
