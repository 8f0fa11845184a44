// conflicts: none
// a byte through a FIFO
#include "race.h"

static void writer(void)
{
	over("data", "new");
	over("fifo", "x");
}

int main(void)
{
	put("data", "old");
	CHECK(mkfifo("fifo", 0644) == 0);
	pid_t pid = child(writer);
	CHECK(strcmp(get("fifo"), "x") == 0);
	puts(get("data"));
	done(pid);
	return 0;
}
