// laplace: same refused=clock_settime,settimeofday,adjtimex,clock_adjtime
// Nobody sets the clock.
#include "check.h"
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

int main(void)
{
	struct timespec ts = {1000000000, 0};
	struct timeval tv = {1000000000, 0};
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &ts), EPERM);
	CHECK_ERR(settimeofday(&tv, NULL), EPERM);
	struct timex tx = {.modes = ADJ_FREQUENCY};
	CHECK_ERR(adjtimex(&tx), EPERM);
	tx = (struct timex){.modes = ADJ_SETOFFSET};
	CHECK_ERR(clock_adjtime(CLOCK_REALTIME, &tx), EPERM);
	printf("refused\n");
	return 0;
}
