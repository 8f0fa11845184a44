// conflicts: name to
// two rename to one name
#include "race.h"

static void one(void) { CHECK(rename("a", "to") == 0); }
static void other(void) { CHECK(rename("b", "to") == 0); }

int main(void)
{
	put("a", "1");
	put("b", "2");
	both(one, other);
	return 0;
}
