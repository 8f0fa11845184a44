// conflicts: content data
// the parent waits for a child, but not for the one that writes
#include "race.h"

static void writer(void) { over("data", "new"); }
static void idle(void) {}

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	done(child(idle));
	get("data");
	done(pid);
	return 0;
}
