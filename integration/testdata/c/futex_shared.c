// laplace: same
// Locks in memory that processes share: mapped before a fork, and a file at two addresses; and one whose owner dies.
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	pthread_mutex_t mutex, robust;
	pthread_cond_t cond;
	sem_t ready;
	int turn, sum;
};

static void init(struct shared *s)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_mutexattr_init(&ma);
	CHECK(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutex_init(&s->mutex, &ma) == 0);
	CHECK(pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutex_init(&s->robust, &ma) == 0);
	pthread_condattr_init(&ca);
	CHECK(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_cond_init(&s->cond, &ca) == 0);
	CHECK(sem_init(&s->ready, 1, 0) == 0);
}

// take adds to the sum in turns: 0, 1, 2, 0, ...
static void take(struct shared *s, int me)
{
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&s->mutex);
		while (s->turn != me)
			pthread_cond_wait(&s->cond, &s->mutex);
		s->sum = (s->sum * 3 + me) % 10007;
		s->turn = (me + 1) % 3;
		pthread_cond_broadcast(&s->cond);
		pthread_mutex_unlock(&s->mutex);
	}
}

static struct shared *map(int fd)
{
	struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	CHECK(s != MAP_FAILED);
	return s;
}

static void try(int fd)
{
	struct shared *s = map(fd);
	init(s);
	for (int me = 0; me < 3; me++)
		if (fork() == 0) {
			struct shared *own = s;
			if (fd >= 0 && me > 0) {
				own = map(fd); // beside the one inherited
				CHECK(own != s);
			}
			take(own, me);
			if (me == 2) { // the last to take: the sum is complete
				CHECK(pthread_mutex_lock(&own->robust) == 0);
				sem_post(&own->ready);
				usleep(1000); // others come to wait for it, and it dies with it
			} else {
				while (sem_wait(&own->ready) != 0)
					;
				int err = pthread_mutex_lock(&own->robust);
				CHECK(err == 0 || err == EOWNERDEAD);
				if (err == EOWNERDEAD) {
					CHECK(pthread_mutex_consistent(&own->robust) == 0);
					own->sum++;
				}
				CHECK(pthread_mutex_unlock(&own->robust) == 0);
				sem_post(&own->ready);
			}
			_exit(0);
		}
	for (int i = 0, status; i < 3; i++)
		CHECK(wait(&status) > 0 && status == 0);
	printf("%d %d\n", s->turn, s->sum);
}

int main(void)
{
	setbuf(stdout, NULL);
	try(-1);
	int fd = open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && unlink("shared") == 0 && ftruncate(fd, sizeof(struct shared)) == 0);
	try(fd);
	return 0;
}
