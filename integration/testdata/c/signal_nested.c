// laplace: same
// Handlers within handlers: the mask of one, SA_NODEFER, SA_RESETHAND, several at once, and what is blocked when they have returned.
#include "check.h"
#include <signal.h>

static int depth, deepest;
static char order[256];

static int blocked(int sig)
{
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
	return sigismember(&now, sig);
}

static void note(const char *s) { strcat(order, s); }

static void outer(int sig)
{
	note("<1");
	CHECK(blocked(SIGUSR1) == 1 && blocked(SIGUSR2) == 0);
	CHECK(raise(SIGUSR2) == 0); // at once
	CHECK(raise(SIGUSR1) == 0); // later, once
	CHECK(raise(SIGUSR1) == 0);
	note("1>");
}

static void once(int sig)
{
	static int runs;
	note("<a");
	if (runs++ == 0)
		outer(sig);
	note("a>");
}

static void inner(int sig)
{
	note("<2");
	CHECK(blocked(SIGUSR1) == 1 && blocked(SIGUSR2) == 1 && blocked(SIGTERM) == 1);
	CHECK(raise(SIGTERM) == 0);
	note("2>");
}

static void term(int sig) { note("<t>"); }

static void nodefer(int sig)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 4) {
		CHECK(blocked(SIGUSR1) == 0);
		CHECK(raise(SIGUSR1) == 0);
	}
	depth--;
}

int main(void)
{
	struct sigaction act = {.sa_handler = inner};
	sigaddset(&act.sa_mask, SIGTERM);
	CHECK(sigaction(SIGUSR2, &act, NULL) == 0);
	act = (struct sigaction){.sa_handler = once};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	act.sa_handler = term;
	CHECK(sigaction(SIGTERM, &act, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	printf("%s\n", order);
	CHECK(!blocked(SIGUSR1) && !blocked(SIGUSR2) && !blocked(SIGTERM));

	act = (struct sigaction){.sa_handler = nodefer, .sa_flags = SA_NODEFER};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	printf("deepest %d\n", deepest);

	act = (struct sigaction){.sa_handler = term, .sa_flags = SA_RESETHAND};
	CHECK(sigaction(SIGHUP, &act, NULL) == 0 && sigaction(SIGCHLD, &act, NULL) == 0);
	order[0] = 0;
	CHECK(raise(SIGHUP) == 0 && raise(SIGCHLD) == 0 && raise(SIGCHLD) == 0);
	CHECK(sigaction(SIGHUP, NULL, &act) == 0 && act.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGCHLD, NULL, &act) == 0 && act.sa_handler == SIG_DFL);
	printf("%s\n", order);

	// Several that were pending: the handler of one is interrupted by the next, before its first instruction.
	sigset_t set, old;
	sigemptyset(&set);
	act = (struct sigaction){.sa_handler = term};
	CHECK(sigaction(SIGTERM, &act, NULL) == 0);
	act = (struct sigaction){.sa_handler = once};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	sigaddset(&set, SIGTERM), sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	order[0] = 0;
	CHECK(raise(SIGTERM) == 0 && raise(SIGUSR1) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	printf("%s\n", order);
	return 0;
}
