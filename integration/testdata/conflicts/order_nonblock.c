// conflicts: none
// a pipe that is read again and again, until there is a byte
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
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	pid_t pid = child(writer);
	char c;
	while (read(p[0], &c, 1) < 0)
		usleep(1000);
	puts(get("data"));
	done(pid);
	return 0;
}
