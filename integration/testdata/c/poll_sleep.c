// laplace: same
// poll, select, ppoll, pselect and the sleeps as timeouts: they return 0, not too early, with everything cleared.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <time.h>

static struct timespec begin;
static void start(void) { CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0); }

/* end checks that at least ms milliseconds have passed, and in a box not more than 11 over that. */
static void end(const char *what, long ms)
{
	struct timespec now;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	long us = (now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000;
	if (us < ms * 1000)
		FAIL("%s: only %ld us", what, us);
	if (boxed() && us > ms * 1000 + 11000)
		FAIL("%s: %ld us", what, us);
	printf("%s %ld\n", what, ms);
}

int main(void)
{
	setlinebuf(stdout);
	int p[2];
	CHECK(pipe(p) == 0);
	long times[] = {0, 1, 10, 20};
	for (int i = 0; i < 4; i++) {
		long ms = times[i];
		struct timespec ts = {0, ms * 1000000}, left = {5, 5}, at;
		struct timeval tv = {0, ms * 1000};
		fd_set r;
		FD_ZERO(&r);
		FD_SET(p[0], &r);
		struct pollfd f = {.fd = p[0], .events = POLLIN, .revents = 7};

		start();
		CHECK(poll(NULL, 0, ms) == 0);
		end("poll, none", ms);
		start();
		CHECK(poll(&f, 1, ms) == 0 && f.revents == 0);
		end("poll", ms);
		start();
		CHECK(ppoll(&f, 1, &ts, NULL) == 0);
		end("ppoll", ms);
		CHECK(ts.tv_nsec == ms * 1000000); /* glibc keeps the caller's timespec */
		start();
		CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0], &r));
		end("select", ms);
		CHECK(tv.tv_sec == 0 && tv.tv_usec == 0); /* Linux tells what is left */
		tv.tv_usec = ms * 1000;
		start();
		CHECK(select(0, NULL, NULL, NULL, &tv) == 0);
		end("select, none", ms);
		start();
		CHECK(pselect(0, NULL, NULL, NULL, &ts, NULL) == 0);
		end("pselect", ms);
		start();
		CHECK(nanosleep(&ts, &left) == 0 && left.tv_sec == 5);
		end("nanosleep", ms);
		start();
		CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL) == 0);
		end("clock_nanosleep", ms);
		start();
		at = begin;
		at.tv_nsec += ms * 1000000;
		if (at.tv_nsec >= 1000000000) {
			at.tv_sec++;
			at.tv_nsec -= 1000000000;
		}
		CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0);
		end("clock_nanosleep until", ms);
	}
	/* A long sleep costs nothing in a box, and the clock agrees with it. */
	if (boxed()) {
		start();
		CHECK(sleep(3600) == 0);
		end("sleep", 3600000);
	} else {
		printf("sleep 3600000\n");
	}
	struct timespec bad = {0, -1};
	CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
	CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &bad, NULL) == EINVAL);
	CHECK(clock_nanosleep(99, 0, &begin, NULL) == EINVAL);
	return 0;
}
