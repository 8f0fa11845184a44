// conflicts: content data
// the parent reads before it waits
#include "race.h"

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	get("data");
	done(pid);
	return 0;
}
