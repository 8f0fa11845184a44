// conflicts: none
// a child that has stopped, after it has written
#include "race.h"
#include <signal.h>

static void writer(void)
{
	over("data", "new");
	raise(SIGSTOP);
}

int main(void)
{
	put("data", "old");
	int status;
	pid_t pid = child(writer);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	puts(get("data"));
	CHECK(kill(pid, SIGCONT) == 0);
	done(pid);
	return 0;
}
