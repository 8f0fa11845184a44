// laplace: pinned refused=setitimer!,timer_create!,timerfd_create!,alarm,getitimer
// Interval timers are missing from a box: the program gets the errno of a kernel without them.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

int main(void)
{
	struct itimerval off = {{0, 0}, {0, 0}};
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	int timer;
	errno = 0;
	int r = setitimer(ITIMER_REAL, &off, NULL);
	printf("setitimer %d %s\n", r, errname(errno));
	if (boxed() && (r != -1 || errno != ENOSYS))
		FAIL("want ENOSYS");
	errno = 0;
	r = syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &timer);
	printf("timer_create %d %s\n", r, errname(errno));
	if (boxed() && (r != -1 || errno != ENOSYS))
		FAIL("want ENOSYS");
	errno = 0;
	r = timerfd_create(CLOCK_MONOTONIC, 0);
	printf("timerfd_create %d %s\n", r < 0 ? r : 0, errname(errno));
	if (boxed() && (r != -1 || errno != ENOSYS))
		FAIL("want ENOSYS");
	return 0;
}
