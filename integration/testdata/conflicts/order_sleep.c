// conflicts: content data
// a sleep, which orders nothing
#include "race.h"

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	usleep(50000);
	get("data");
	done(pid);
	return 0;
}
