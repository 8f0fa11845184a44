// conflicts: none
// a child that is started after the wait for another reads what that wrote
#include "race.h"

static void writer(void) { over("data", "new"); }
static void reader(void) { puts(get("data")); }

int main(void)
{
	put("data", "old");
	done(child(writer));
	done(child(reader));
	return 0;
}
