// conflicts: none
// a parent writes before the fork, the child reads
#include "race.h"

static void reader(void) { puts(get("data")); }

int main(void)
{
	put("data", "old");
	done(child(reader));
	return 0;
}
