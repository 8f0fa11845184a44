// conflicts: none
// a child that is killed, after it has written
#include "race.h"
#include <signal.h>

static int p[2];

static void writer(void)
{
	over("data", "new");
	tell(p);
	pause();
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	hear(p);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	puts(get("data"));
	return 0;
}
