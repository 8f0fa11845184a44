// laplace: pinned refused=*
// Scheduling attributes and accounting that other loads, or the caller, could change.
#include "check.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

int main(void)
{
	struct sched_param p = {-1};
	int policy = sched_getscheduler(0);
	printf("policy %d param %d %d\n", policy, sched_getparam(0, &p), p.sched_priority);
	CHECK(policy == SCHED_OTHER && p.sched_priority == 0);
	printf("fifo %d..%d\n", sched_get_priority_min(SCHED_FIFO), sched_get_priority_max(SCHED_FIFO));
	struct timespec t = {-1, -1};
	errno = 0;
	int r = sched_rr_get_interval(0, &t);
	printf("rr interval %d %ld %ld %s\n", r, t.tv_sec, t.tv_nsec, errname(errno));
	errno = 0;
	int nice_ = getpriority(PRIO_PROCESS, 0);
	if (errno != 0)
		FAIL("getpriority");
	printf("nice %d\n", nice_);
	CHECK(nice(3) == nice_ + 3 && getpriority(PRIO_PROCESS, 0) == nice_ + 3);
	errno = 0;
	CHECK(nice(-1) == -1 && errno == EPERM);
	errno = 0;
	long io = syscall(SYS_ioprio_get, 1, 0);
	printf("ioprio %ld %s\n", io, errname(errno));
	unsigned char attr[56] = {0};
	errno = 0;
	long a = syscall(SYS_sched_getattr, 0, attr, sizeof attr, 0);
	printf("sched_getattr %ld %s", a, errname(errno));
	for (size_t i = 0; i < sizeof attr; i++)
		printf(" %x", attr[i]);
	printf("\n");
	CHECK(sched_yield() == 0);
	CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}), EPERM);
	return 0;
}
