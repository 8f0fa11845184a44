// conflicts: content data
// one reads while another opens with O_TRUNC
#include "race.h"

static void one(void) { get("data"); }
static void other(void) { CHECK(open("data", O_WRONLY | O_TRUNC) >= 0); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
