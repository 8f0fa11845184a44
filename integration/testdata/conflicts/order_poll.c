// conflicts: none
// a pipe that becomes readable, and is not read
#include "race.h"
#include <poll.h>

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
	struct pollfd f = {p[0], POLLIN, 0};
	CHECK(poll(&f, 1, -1) == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
