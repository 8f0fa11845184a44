// conflicts: none
// a byte through a pipe to the child, which then reads what was written before
#include "race.h"

static int p[2];

static void reader(void)
{
	hear(p);
	puts(get("data"));
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(reader);
	over("data", "new");
	tell(p);
	done(pid);
	return 0;
}
