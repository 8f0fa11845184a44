// laplace: same
// Blocked signals: pending once, or queued when real-time; the order of delivery; masks while a handler runs;
// SA_NODEFER and SA_RESETHAND.
#include "check.h"
#include <signal.h>

static int order[64], n;
static void note(int sig) { order[n++] = sig; }

static void show(const char *what)
{
	printf("%s:", what);
	for (int i = 0; i < n; i++)
		printf(" %d", order[i]);
	printf("\n");
	n = 0;
}

static volatile int depth, deepest;
static void nest(int sig)
{
	note(sig);
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (n < 3)
		raise(sig);
	depth--;
}

static void raise_other(int sig)
{
	note(sig);
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	note(-sig);
}

static void set(int sig, void (*f)(int), int flags, int mask_all)
{
	struct sigaction sa = {.sa_handler = f, .sa_flags = flags};
	if (mask_all)
		sigfillset(&sa.sa_mask);
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

int main(void)
{
	setlinebuf(stdout);
	sigset_t all, none, pending;
	sigfillset(&all);
	sigemptyset(&none);
	int sigs[] = {SIGTERM, SIGHUP, SIGUSR2, SIGUSR1, SIGRTMIN + 1, SIGRTMIN};

	/* Every handler blocks all others: strictly one after another, the lowest number first. */
	for (int i = 0; i < 6; i++)
		set(sigs[i], note, 0, 1);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < 6; i++)
			CHECK(kill(getpid(), sigs[i]) == 0);
	CHECK(n == 0 && sigpending(&pending) == 0);
	for (int i = 0; i < 6; i++)
		CHECK(sigismember(&pending, sigs[i]));
	CHECK(!sigismember(&pending, SIGINT));
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	show("one after another, real-time ones three times");
	CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGTERM));

	/* Unblocking one of two. */
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	CHECK(sigprocmask(SIG_UNBLOCK, &one, NULL) == 0);
	show("one of two");
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	show("the other");

	/* Ignoring a pending signal throws it away. */
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	raise(SIGUSR1);
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
	CHECK(signal(SIGUSR1, note) != SIG_ERR);
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	show("ignored meanwhile");

	/* A signal is blocked while its own handler runs, others are not. */
	set(SIGUSR1, nest, 0, 0);
	deepest = 0;
	raise(SIGUSR1);
	printf("deepest %d, ", deepest);
	show("own signal deferred");
	set(SIGUSR1, nest, SA_NODEFER, 0);
	deepest = 0;
	raise(SIGUSR1);
	printf("deepest %d, ", deepest);
	show("SA_NODEFER");
	set(SIGUSR1, raise_other, 0, 0);
	set(SIGUSR2, raise_other, 0, 0);
	raise(SIGUSR1);
	show("other signal at once");
	set(SIGUSR1, raise_other, 0, 1);
	raise(SIGUSR1);
	show("other signal masked");

	set(SIGUSR1, note, SA_RESETHAND, 0);
	raise(SIGUSR1);
	struct sigaction now;
	CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	show("SA_RESETHAND");

	/* What cannot be caught, blocked or named. */
	struct sigaction sa = {.sa_handler = note};
	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(0, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(65, &sa, NULL), EINVAL);
	CHECK(sigaction(SIGKILL, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &pending) == 0);
	printf("blocked: TERM %d KILL %d STOP %d\n", sigismember(&pending, SIGTERM), sigismember(&pending, SIGKILL),
	       sigismember(&pending, SIGSTOP));
	CHECK_ERR(sigprocmask(99, &all, NULL), EINVAL);
	return 0;
}
