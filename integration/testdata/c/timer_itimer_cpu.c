// laplace: same
// ITIMER_VIRTUAL and ITIMER_PROF, of the time that the process spends: they do not pass while it sleeps, tick while it works, and are each their own.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t virtual, prof;
static void on_virtual(int sig) { virtual++; }
static void on_prof(int sig) { prof++; }

static void work(int fd)
{
	char b[64];
	for (int i = 0; i < 10; i++)
		CHECK(pread(fd, b, sizeof b, 0) == sizeof b);
	for (volatile int i = 0; i < 10000; i++)
		;
}

int main(void)
{
	struct itimerval v = {{0, 4000}, {0, 4000}}, off = {{0, 0}, {0, 0}}, w;
	int fd = open("prog", O_RDONLY);
	CHECK(fd >= 0);
	CHECK(signal(SIGVTALRM, on_virtual) != SIG_ERR && signal(SIGPROF, on_prof) != SIG_ERR);
	CHECK(setitimer(ITIMER_VIRTUAL, &v, NULL) == 0);
	CHECK(usleep(100000) == 0); // not interrupted
	while (virtual < 3)
		work(fd);
	CHECK(prof == 0);
	CHECK(setitimer(ITIMER_VIRTUAL, &off, &w) == 0);
	CHECK(w.it_interval.tv_usec == 4000);
	int seen = virtual;
	CHECK(setitimer(ITIMER_PROF, &v, NULL) == 0);
	while (prof < 3)
		work(fd);
	CHECK(virtual == seen);
	CHECK(getitimer(ITIMER_PROF, &w) == 0 && w.it_interval.tv_usec == 4000);
	CHECK(setitimer(ITIMER_PROF, &off, NULL) == 0);
	puts("ticked");
	return 0;
}
