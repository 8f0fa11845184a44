// laplace: same
// Mutexes that inherit priority: handed over in the order of waiting, timeouts, the errors, and one whose owner ends.
#include "check.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex;
static pthread_cond_t cond;
static int turn, sum;
static int owned, dead;

static long futex(int *addr, int op, const struct timespec *until)
{
	return syscall(SYS_futex, addr, op, 0, until, NULL, 0);
}

static void *add(void *arg)
{
	int me = (long)arg;
	for (int i = 0; i < 30; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		sum = (sum * 5 + me) % 9973;
		turn = (me + 1) % 3;
		pthread_cond_broadcast(&cond);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	return NULL;
}

static void *contend(void *arg)
{
	struct timespec past = { 1, 0 };
	CHECK(futex(&owned, FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == -1 && errno == EAGAIN);
	CHECK(futex(&owned, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, &past) == -1 && errno == ETIMEDOUT);
	CHECK(futex(&owned, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == -1 && errno == EPERM);
	CHECK(futex(&owned, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	CHECK((owned & FUTEX_TID_MASK) == gettid());
	CHECK(futex(&owned, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	return arg;
}

static void *die_owning(void *arg)
{
	CHECK(futex(&dead, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	usleep(20000); // another one comes to wait for it
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(&mutex, &attr) == 0);
	pthread_cond_init(&cond, NULL);
	pthread_t t[3];
	for (long i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, add, (void *)i) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	printf("%d %d\n", turn, sum);

	CHECK(futex(&owned, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	CHECK(owned == gettid());
	CHECK(futex(&owned, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == -1 && errno == EDEADLK);
	CHECK(pthread_create(&t[0], NULL, contend, NULL) == 0);
	usleep(20000);
	CHECK(futex(&owned, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	CHECK(pthread_join(t[0], NULL) == 0);
	CHECK(owned == 0);

	CHECK(pthread_create(&t[0], NULL, die_owning, NULL) == 0);
	while (__atomic_load_n(&dead, __ATOMIC_SEQ_CST) == 0)
		usleep(1000);
	CHECK(futex(&dead, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, NULL) == 0);
	CHECK((dead & FUTEX_TID_MASK) == gettid() && (dead & FUTEX_OWNER_DIED));
	CHECK(pthread_join(t[0], NULL) == 0);
	puts("ok");
	return 0;
}
