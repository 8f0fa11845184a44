// conflicts: none
// a child that has ended, and is left where it is
#include "race.h"

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	siginfo_t info;
	pid_t pid = child(writer);
	CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
	puts(get("data"));
	done(pid);
	return 0;
}
