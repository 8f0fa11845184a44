// conflicts: none
// a semaphore in shared memory
#include "race.h"
#include <semaphore.h>
#include <sys/mman.h>

static sem_t *sem;

static void writer(void)
{
	over("data", "new");
	CHECK(sem_post(sem) == 0);
}

int main(void)
{
	put("data", "old");
	sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sem != MAP_FAILED && sem_init(sem, 1, 0) == 0);
	pid_t pid = child(writer);
	CHECK(sem_wait(sem) == 0);
	puts(get("data"));
	done(pid);
	return 0;
}
