// conflicts: name|benign d; maybe metadata d
// two make one directory
#include "race.h"

static void one(void) { mkdir("d", 0755); }
static void other(void) { mkdir("d", 0755); }

int main(void)
{
	both(one, other);
	return 0;
}
