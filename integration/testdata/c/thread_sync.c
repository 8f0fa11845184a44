// laplace: same
// Barriers, semaphores, read-write locks, spin locks, once, keys and thread-local variables.
#include "check.h"
#include <pthread.h>
#include <semaphore.h>

enum { N = 5 };
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t sem;
static __thread int mine;
static int onces, serial, destroyed, phase[3], shared;

static void first(void) { onces++; }
static void destroy(void *p) { (void)p; __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED); }

static void *work(void *arg)
{
	pthread_once(&once, first);
	pthread_setspecific(key, arg);
	for (int i = 0; i < 3; i++) {
		__atomic_fetch_add(&phase[i], 1, __ATOMIC_RELAXED);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED);
		if (phase[i] != N)
			printf("FAIL: phase %d has %d\n", i, phase[i]);
	}
	for (int i = 0; i < 50; i++) {
		pthread_rwlock_rdlock(&rwlock);
		int seen = shared;
		sched_yield();
		if (seen != shared)
			printf("FAIL: it changed under a reader\n");
		pthread_rwlock_unlock(&rwlock);
		pthread_rwlock_wrlock(&rwlock);
		shared++;
		pthread_rwlock_unlock(&rwlock);
		pthread_spin_lock(&spin);
		mine++;
		pthread_spin_unlock(&spin);
	}
	sem_wait(&sem);
	CHECK(mine == 50);
	return NULL;
}

int main(void)
{
	pthread_t t[N];
	CHECK(pthread_barrier_init(&barrier, NULL, N) == 0);
	CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
	CHECK(pthread_key_create(&key, destroy) == 0);
	CHECK(sem_init(&sem, 0, 1) == 0);
	for (long i = 0; i < N; i++)
		CHECK(pthread_create(&t[i], NULL, work, (void *)(i + 1)) == 0);
	for (int i = 1; i < N; i++)
		CHECK(sem_post(&sem) == 0);
	for (int i = 0; i < N; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	printf("once %d, serial %d, destroyed %d, shared %d, mine %d\n", onces, serial, destroyed, shared, mine);
	return 0;
}
