// laplace: pinned refused=adjtimex,clock_adjtime
// What the kernel says about its clock's discipline does not reach the program.
#include "check.h"
#include <sys/timex.h>
#include <time.h>

static void show(const char *what, int r, const struct timex *t)
{
	printf("%s %d %s: offset %ld freq %ld maxerror %ld esterror %ld status %d tolerance %ld time %ld.%ld tick %ld tai %d\n",
	       what, r, r < 0 ? errname(errno) : "", t->offset, t->freq, t->maxerror, t->esterror, t->status, t->tolerance,
	       t->time.tv_sec, t->time.tv_usec, t->tick, t->tai);
}

int main(void)
{
	struct timex t = {0};
	int r = adjtimex(&t);
	show("adjtimex", r, &t);
	if (boxed() && r >= 0) {
		int64_t epoch = atoll(getenv("SOURCE_DATE_EPOCH"));
		CHECK(t.time.tv_sec >= epoch && t.time.tv_sec <= epoch + 2);
	}
	t = (struct timex){0};
	r = clock_adjtime(CLOCK_REALTIME, &t);
	show("clock_adjtime", r, &t);
	return 0;
}
