// laplace: pinned
// A sleep moves the clock to its deadline, and in a box no further than 10 ms past it, whatever call it is.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec t;
	CHECK(clock_gettime(id, &t) == 0);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct timespec spec(int64_t ns) { return (struct timespec){ns / 1000000000, ns % 1000000000}; }

#define MS 1000000LL
/* The tolerance in a box: deadlines are rounded up to 10 ms, and calls around the sleep cost microseconds. */
#define SLACK (11 * MS)

static int64_t unit; /* natively a test must not take long, in a box nothing really sleeps */

static void slept(const char *what, int64_t before, int64_t want)
{
	int64_t took = now(CLOCK_MONOTONIC) - before;
	if (took < want || (boxed() && took > want + SLACK))
		FAIL("%s of %ld ns took %ld ns", what, want, took);
	printf("%s %ld\n", what, took);
}

int main(void)
{
	unit = boxed() ? 5000 * MS : 5 * MS;
	for (int i = 0; i < 3; i++) {
		int64_t want = unit + i * 7 * MS / 3, t = now(CLOCK_MONOTONIC);
		struct timespec s = spec(want);
		CHECK(nanosleep(&s, NULL) == 0);
		slept("nanosleep", t, want);

		t = now(CLOCK_MONOTONIC);
		CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &s, NULL) == 0);
		slept("clock_nanosleep realtime", t, want);

		t = now(CLOCK_MONOTONIC);
		CHECK(clock_nanosleep(CLOCK_BOOTTIME, 0, &s, NULL) == 0);
		slept("clock_nanosleep boottime", t, want);

		t = now(CLOCK_MONOTONIC);
		s = spec(t + want);
		CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &s, NULL) == 0);
		slept("clock_nanosleep monotonic absolute", t, want);

		t = now(CLOCK_MONOTONIC);
		int64_t real = now(CLOCK_REALTIME);
		s = spec(real + want);
		CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &s, NULL) == 0);
		CHECK(now(CLOCK_REALTIME) >= real + want);
		slept("clock_nanosleep realtime absolute", t, want);

		int64_t ms = want / MS;
		t = now(CLOCK_MONOTONIC);
		CHECK(poll(NULL, 0, ms) == 0);
		slept("poll", t, ms * MS);

		t = now(CLOCK_MONOTONIC);
		s = spec(want);
		CHECK(ppoll(NULL, 0, &s, NULL) == 0);
		slept("ppoll", t, want);

		t = now(CLOCK_MONOTONIC);
		struct timeval v = {want / 1000000000, want % 1000000000 / 1000};
		CHECK(select(0, NULL, NULL, NULL, &v) == 0);
		CHECK(v.tv_sec == 0 && v.tv_usec == 0);
		slept("select", t, want / 1000 * 1000);

		t = now(CLOCK_MONOTONIC);
		s = spec(want);
		CHECK(pselect(0, NULL, NULL, NULL, &s, NULL) == 0);
		slept("pselect", t, want);
	}

	/* A deadline that has passed moves nothing. */
	int64_t t = now(CLOCK_MONOTONIC);
	struct timespec s = spec(t / 2);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &s, NULL) == 0);
	s = spec(0);
	CHECK(nanosleep(&s, NULL) == 0);
	CHECK(poll(NULL, 0, 0) == 0);
	if (boxed())
		CHECK(now(CLOCK_MONOTONIC) - t < 2 * MS);

	/* A day, and a sum of short sleeps that does not drift. */
	if (boxed()) {
		t = now(CLOCK_REALTIME);
		CHECK(sleep(86400) == 0);
		int64_t took = now(CLOCK_REALTIME) - t;
		CHECK(took >= 86400000 * MS && took <= 86400000 * MS + SLACK);
		t = now(CLOCK_MONOTONIC);
		for (int i = 0; i < 100; i++)
			CHECK(usleep(50000) == 0);
		took = now(CLOCK_MONOTONIC) - t;
		printf("100 sleeps of 50 ms: %ld\n", took);
		CHECK(took >= 5000 * MS && took <= 6100 * MS);
	}

	s = (struct timespec){0, 1000000000};
	CHECK_ERR(nanosleep(&s, NULL), EINVAL);
	s = (struct timespec){-1, 0};
	CHECK_ERR(nanosleep(&s, NULL), EINVAL);
	s = (struct timespec){0, -1};
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &s, NULL) == EINVAL);
	s = spec(1);
	CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &s, NULL) == EINVAL);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &s, NULL) == EOPNOTSUPP);
	CHECK(clock_nanosleep(CLOCK_REALTIME_COARSE, 0, &s, NULL) == EOPNOTSUPP);
	CHECK(clock_nanosleep(99, 0, &s, NULL) == EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, 8, NULL), EFAULT);
	return 0;
}
