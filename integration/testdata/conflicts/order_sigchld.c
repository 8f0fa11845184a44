// conflicts: none
// SIGCHLD of a child that has written
#include "race.h"
#include <signal.h>

static void caught(int n) {}

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	sigset_t mask, old;
	signal(SIGCHLD, caught);
	CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGCHLD) == 0 && sigprocmask(SIG_BLOCK, &mask, &old) == 0);
	pid_t pid = child(writer);
	CHECK(sigsuspend(&old) == -1 && errno == EINTR);
	puts(get("data"));
	done(pid);
	return 0;
}
