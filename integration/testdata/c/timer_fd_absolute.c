// laplace: same
// TFD_TIMER_ABSTIME: at a time of the descriptor's clock, at once when it has passed; TFD_TIMER_CANCEL_ON_SET does nothing while nobody sets the clock.
#include "check.h"
#include <sys/timerfd.h>
#include <time.h>

static struct timespec in(clockid_t id, long msec)
{
	struct timespec t;
	CHECK(clock_gettime(id, &t) == 0);
	t.tv_nsec += msec * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

int main(void)
{
	clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
	for (int i = 0; i < 3; i++) {
		uint64_t n;
		int fd = timerfd_create(clocks[i], 0);
		CHECK(fd >= 0);
		struct itimerspec s = {.it_value = in(clocks[i], 40)};
		struct timespec at = s.it_value;
		CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &s, NULL) == 0);
		CHECK(read(fd, &n, 8) == 8 && n == 1);
		struct timespec now = in(clocks[i], 0);
		CHECK(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
		s = (struct itimerspec){{0, 1000000}, at}; // 1 ms ago or more
		usleep(50000);
		CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL) == 0);
		CHECK(read(fd, &n, 8) == 8 && n >= 50);
		s = (struct itimerspec){{0, 0}, {0, 1}};
		CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL) == 0);
		CHECK(read(fd, &n, 8) == 8 && n == 1);
		printf("clock %d\n", i);
	}
	return 0;
}
