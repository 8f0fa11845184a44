// laplace: same
// timerfd: reads tell how often it has expired, wait or not; settings are told; flags and bad arguments.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

static void set(int fd, long first, long interval)
{
	struct itimerspec s = {{interval / 1000, interval % 1000 * 1000000}, {first / 1000, first % 1000 * 1000000}};
	CHECK(timerfd_settime(fd, 0, &s, NULL) == 0);
}

int main(void)
{
	struct itimerspec s, was;
	uint64_t n;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int wall = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), boot = timerfd_create(CLOCK_BOOTTIME, 0);
	CHECK(fd >= 0 && wall >= 0 && boot >= 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(wall, F_GETFD) == 0);
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 && (fcntl(wall, F_GETFL) & O_NONBLOCK) == O_NONBLOCK);
	CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	CHECK_ERR(read(wall, &n, 8), EAGAIN);

	set(fd, 200, 0);
	CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec > 0 && s.it_value.tv_nsec <= 200000000);
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	set(boot, 1, 0);
	CHECK(read(boot, &n, 8) == 8 && n == 1);

	set(wall, 10, 10);
	CHECK(fcntl(wall, F_SETFL, 0) == 0);
	uint64_t sum = 0;
	while (sum < 10) {
		CHECK(read(wall, &n, 8) == 8 && n >= 1);
		if (boxed())
			CHECK(n == 1);
		sum += n;
	}
	usleep(105000);
	CHECK(read(wall, &n, 8) == 8 && n >= 10);
	CHECK(fcntl(wall, F_SETFL, O_NONBLOCK) == 0);

	s = (struct itimerspec){{7, 8}, {100, 0}};
	CHECK(timerfd_settime(wall, 0, &s, &was) == 0); // unread or not
	CHECK(was.it_interval.tv_nsec == 10000000 && was.it_value.tv_nsec <= 10000000);
	CHECK_ERR(read(wall, &n, 8), EAGAIN);
	set(wall, 0, 0);
	CHECK(timerfd_gettime(wall, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	// What has expired and was not read is gone when it is set anew.
	set(wall, 1, 0);
	usleep(20000);
	set(wall, 1000000, 0);
	CHECK_ERR(read(wall, &n, 8), EAGAIN);

	CHECK_ERR(read(wall, &n, 4), EINVAL);
	CHECK_ERR(write(wall, &n, 8), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERR(timerfd_create(77, 0), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 8, &s, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(0, 0, &s, NULL), EINVAL);
	CHECK_ERR(timerfd_gettime(0, &s), EINVAL);
	CHECK_ERR(timerfd_settime(99, 0, &s, NULL), EBADF);
	s = (struct itimerspec){{0, 0}, {0, 1000000000}};
	CHECK_ERR(timerfd_settime(fd, 0, &s, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0, (void *)8, NULL), EFAULT);
	puts("done");
	return 0;
}
