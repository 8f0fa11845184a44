// laplace: same
// setitimer and getitimer: intervals tick on, old values are told, a new setting replaces the old one; bad arguments.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;
static void handler(int sig) { ticks++; }

int main(void)
{
	struct itimerval v, w, off = {{0, 0}, {0, 0}};
	CHECK(signal(SIGALRM, handler) != SIG_ERR);
	CHECK(getitimer(ITIMER_REAL, &v) == 0);
	CHECK(v.it_value.tv_sec == 0 && v.it_value.tv_usec == 0 && v.it_interval.tv_sec == 0 && v.it_interval.tv_usec == 0);
	v = (struct itimerval){{0, 10000}, {0, 200000}};
	CHECK(setitimer(ITIMER_REAL, &v, &w) == 0);
	CHECK(w.it_value.tv_sec == 0 && w.it_value.tv_usec == 0);
	CHECK(getitimer(ITIMER_REAL, &w) == 0);
	CHECK(w.it_interval.tv_usec == 10000 && w.it_value.tv_sec == 0 && w.it_value.tv_usec > 0 && w.it_value.tv_usec <= 200000);
	while (ticks < 8)
		pause();
	CHECK(getitimer(ITIMER_REAL, &w) == 0);
	CHECK(w.it_interval.tv_usec == 10000 && w.it_value.tv_usec <= 10000);
	v = (struct itimerval){{3, 4}, {1000, 0}};
	CHECK(setitimer(ITIMER_REAL, &v, &w) == 0);
	CHECK(w.it_interval.tv_usec == 10000 && w.it_interval.tv_sec == 0);
	int now = ticks;
	usleep(50000);
	CHECK(ticks == now);
	CHECK(setitimer(ITIMER_REAL, &off, &w) == 0);
	CHECK(w.it_interval.tv_sec == 3 && w.it_interval.tv_usec == 4 && w.it_value.tv_sec >= 990 && w.it_value.tv_sec <= 1000);
	CHECK(getitimer(ITIMER_REAL, &w) == 0);
	CHECK(w.it_value.tv_sec == 0 && w.it_value.tv_usec == 0 && w.it_interval.tv_sec == 0);

	// One that counts no interval expires once.
	ticks = 0;
	v = (struct itimerval){{0, 0}, {0, 1}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	usleep(20000);
	usleep(20000);
	CHECK(ticks == 1);
	CHECK(getitimer(ITIMER_REAL, &w) == 0 && w.it_value.tv_sec == 0 && w.it_value.tv_usec == 0);

	v = (struct itimerval){{0, 0}, {0, 1000000}};
	CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
	v = (struct itimerval){{0, -1}, {0, 0}};
	CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
	v = (struct itimerval){{0, 0}, {-1, 0}};
	CHECK_ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
	CHECK_ERR(setitimer(9, &off, NULL), EINVAL);
	CHECK_ERR(setitimer(-1, &off, NULL), EINVAL);
	CHECK_ERR(getitimer(3, &v), EINVAL);
	CHECK_ERR(syscall(SYS_setitimer, ITIMER_REAL, (void *)8, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_getitimer, ITIMER_REAL, (void *)8), EFAULT);
	puts("done");
	return 0;
}
