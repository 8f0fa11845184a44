// laplace: pinned
// futex_wait, futex_wake, futex_requeue and futex_waitv, of Linux 5.16 and 6.7: nothing is printed where they are not there.
#include "check.h"
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NR_WAITV = 449, NR_WAKE = 454, NR_WAIT, NR_REQUEUE, U32 = 2, PRIVATE = 128 };
struct word { uint64_t val, addr; uint32_t flags, reserved; };
static uint32_t a, b, c;
static int woken;

static void *wait_all(void *arg)
{
	struct word w[3] = { { 0, (long)&a, U32 | PRIVATE, 0 }, { 0, (long)&b, U32 | PRIVATE, 0 }, { 0, (long)&c, U32 | PRIVATE, 0 } };
	woken = syscall(NR_WAITV, w, 3, 0, NULL, CLOCK_MONOTONIC);
	return arg;
}

static void *wait_one(void *arg)
{
	CHECK(syscall(NR_WAIT, &a, 0L, ~0U + 0L, U32 | PRIVATE, NULL, CLOCK_MONOTONIC) == 0);
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return arg;
}

int main(void)
{
	struct timespec past = { 0, 1 };
	if (syscall(NR_WAKE, &a, 0xffffffffL, 1, U32 | PRIVATE) == -1 && errno == ENOSYS) {
		CHECK(!boxed());
		return 0;
	}
	CHECK(syscall(NR_WAIT, &a, 1L, 0xffffffffL, U32 | PRIVATE, NULL, CLOCK_MONOTONIC) == -1 && errno == EAGAIN);
	CHECK(syscall(NR_WAIT, &a, 0L, 0xffffffffL, U32 | PRIVATE, &past, CLOCK_MONOTONIC) == -1 && errno == ETIMEDOUT);
	CHECK(syscall(NR_WAIT, &a, 0L, 0L, U32 | PRIVATE, NULL, CLOCK_MONOTONIC) == -1 && errno == EINVAL);
	CHECK(syscall(NR_WAIT, &a, 0L, 0xffffffffL, 0, NULL, CLOCK_MONOTONIC) == -1 && errno == EINVAL);
	CHECK(syscall(NR_WAITV, NULL, 0, 0, NULL, 0) == -1 && errno == EINVAL);
	CHECK(syscall(NR_WAITV, NULL, 1, 0, NULL, 0) == -1 && errno == EINVAL);
	CHECK(syscall(NR_WAITV, (void *)8, 1, 0, NULL, 0) == -1 && errno == EFAULT);

	pthread_t t[3];
	CHECK(pthread_create(&t[0], NULL, wait_all, NULL) == 0);
	while (syscall(NR_WAKE, &b, 0xffffffffL, 1, U32 | PRIVATE) == 0)
		usleep(1000);
	CHECK(pthread_join(t[0], NULL) == 0);
	CHECK(woken == 1);

	woken = 0;
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, wait_one, NULL) == 0);
	struct word w[2] = { { 0, (long)&a, U32 | PRIVATE, 0 }, { 0, (long)&c, U32 | PRIVATE, 0 } };
	int moved = 0;
	while (moved < 3) {
		int n = syscall(NR_REQUEUE, w, 0, 0, 3);
		CHECK(n >= 0);
		moved += n;
		usleep(1000);
	}
	CHECK(woken == 0 && syscall(NR_WAKE, &a, 0xffffffffL, 9, U32 | PRIVATE) == 0);
	CHECK(syscall(NR_WAKE, &c, 0xffffffffL, 9, U32 | PRIVATE) == 3);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(woken == 3);
	puts("ok");
	return 0;
}
