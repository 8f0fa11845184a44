// laplace: same
// No time that a process finds in memory which it shares with another one is later than its
// own clock: of a child of vfork, of one that has posted a semaphore, of one that has ended.
#include "check.h"
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static struct shared {
	sem_t posted;
	struct timespec at;
} *m;

static void reads(void)
{
	for (int i = 0; i < 3000; i++)
		CHECK(clock_gettime(CLOCK_MONOTONIC, &m->at) == 0);
}

static void later(const char *than)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	if (now.tv_sec < m->at.tv_sec || (now.tv_sec == m->at.tv_sec && now.tv_nsec < m->at.tv_nsec))
		FAIL("%s: the clock goes back", than);
	printf("later than %s\n", than);
	fflush(stdout);
}

int main(void)
{
	m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(m != MAP_FAILED && sem_init(&m->posted, 1, 0) == 0);
	if (vfork() == 0) {
		reads();
		_exit(0);
	}
	later("a child of vfork");
	CHECK(wait(NULL) > 0);

	if (fork() == 0) {
		reads();
		sem_post(&m->posted);
		_exit(0);
	}
	CHECK(sem_wait(&m->posted) == 0);
	later("a post");
	CHECK(wait(NULL) > 0);

	if (fork() == 0) {
		reads();
		_exit(0);
	}
	CHECK(wait(NULL) > 0);
	later("the end of a child");

	struct timespec slept, now;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &slept) == 0);
	if (fork() == 0) {
		usleep(100000);
		sem_post(&m->posted);
		_exit(0);
	}
	CHECK(sem_wait(&m->posted) == 0);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	CHECK((now.tv_sec - slept.tv_sec) * 1000 + (now.tv_nsec - slept.tv_nsec) / 1000000 >= 99);
	puts("as late as a post after a sleep");
	CHECK(wait(NULL) > 0);
	return 0;
}
