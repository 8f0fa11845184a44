// conflicts: name to; maybe metadata from
// two give one name to files
#include "race.h"

static void one(void) { if (link("from", "to")) {} }
static void other(void) { if (link("from", "to")) {} }

int main(void)
{
	put("from", "");
	both(one, other);
	return 0;
}
