// laplace: same
// A thread that sleeps again and again and then signals one that writes: nobody's time goes back.
#include "check.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t nudged;
static pthread_t writer;

static void on_nudge(int sig)
{
	nudged++;
}

static void *nudge(void *arg)
{
	for (int i = 0; i < 50; i++) {
		usleep(20);
		CHECK(pthread_kill(writer, SIGURG) == 0);
	}
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_nudge, .sa_flags = SA_RESTART };
	pthread_t t;
	CHECK(sigaction(SIGURG, &sa, NULL) == 0);
	writer = pthread_self();
	CHECK(pthread_create(&t, NULL, nudge, NULL) == 0);
	for (int i = 0; i < 300; i++)
		CHECK(write(1, "x\n", 2) == 2);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(nudged > 0);
	return 0;
}
