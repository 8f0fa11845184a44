// conflicts: content data
// one reads while another truncates
#include "race.h"

static void one(void) { get("data"); }
static void other(void) { CHECK(truncate("data", 1) == 0); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
