// conflicts: none
// a child writes, and the parent reads after the wait
#include "race.h"

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	done(child(writer));
	puts(get("data"));
	return 0;
}
