// conflicts: none
// one looks for a name, another makes a different one
#include "race.h"

static void one(void) { CHECK_ERR(access("y", F_OK), ENOENT); }
static void other(void) { put("x", ""); }

int main(void)
{
	both(one, other);
	puts(get("x"));
	return 0;
}
