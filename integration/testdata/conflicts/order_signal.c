// conflicts: none
// a signal, for which the parent waits
#include "race.h"
#include <signal.h>

static void caught(int n) {}

static void writer(void)
{
	over("data", "new");
	CHECK(kill(getppid(), SIGUSR1) == 0);
}

int main(void)
{
	put("data", "old");
	sigset_t mask, old;
	signal(SIGUSR1, caught);
	CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGUSR1) == 0 && sigprocmask(SIG_BLOCK, &mask, &old) == 0);
	pid_t pid = child(writer);
	CHECK(sigsuspend(&old) == -1 && errno == EINTR);
	puts(get("data"));
	done(pid);
	return 0;
}
