// laplace: same
// Timers of the time that a process, or a thread, has spent: they pass while it works, not while it sleeps.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

int main(void)
{
	clockid_t clocks[4] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	CHECK(clock_getcpuclockid(0, &clocks[2]) == 0);
	CHECK(pthread_getcpuclockid(pthread_self(), &clocks[3]) == 0);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	int fd = open("prog", O_RDONLY);
	CHECK(fd >= 0);
	CHECK(signal(SIGUSR2, handler) != SIG_ERR);
	for (int i = 0; i < 4; i++) {
		for (int absolute = 0; absolute < 2; absolute++) {
			timer_t t;
			struct itimerspec s = {{0, 0}, {0, 0}}, left;
			CHECK(timer_create(clocks[i], &ev, &t) == 0);
			if (absolute)
				CHECK(clock_gettime(clocks[i], &s.it_value) == 0);
			s.it_value.tv_nsec += 5000000;
			if (s.it_value.tv_nsec >= 1000000000) {
				s.it_value.tv_nsec -= 1000000000;
				s.it_value.tv_sec++;
			}
			runs = 0;
			CHECK(timer_settime(t, absolute ? TIMER_ABSTIME : 0, &s, NULL) == 0);
			CHECK(usleep(30000) == 0 && runs == 0);
			CHECK(timer_gettime(t, &left) == 0);
			CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 5000000);
			char b[64];
			while (!runs)
				CHECK(pread(fd, b, sizeof b, 0) == sizeof b);
			CHECK(timer_gettime(t, &left) == 0 && left.it_value.tv_nsec == 0);
			CHECK(timer_delete(t) == 0);
		}
		printf("clock %d\n", i);
	}
	return 0;
}
