// conflicts: none
// a byte through a pipe from the child, after it has written
#include "race.h"

static int p[2];

static void writer(void)
{
	over("data", "new");
	tell(p);
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	hear(p);
	puts(get("data"));
	done(pid);
	return 0;
}
