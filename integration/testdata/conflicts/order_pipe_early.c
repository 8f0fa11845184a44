// conflicts: content data
// a byte through a pipe from the child, before it writes
#include "race.h"

static int p[2];

static void writer(void)
{
	tell(p);
	over("data", "new");
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	hear(p);
	get("data");
	done(pid);
	return 0;
}
