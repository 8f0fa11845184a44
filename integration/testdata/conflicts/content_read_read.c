// conflicts: none
// two read one file
#include "race.h"

static void one(void) { get("data"); }
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	puts(get("data"));
	return 0;
}
