// conflicts: none
// a flag in memory that two processes share
#include "race.h"
#include <sys/mman.h>

static volatile int *flag;

static void writer(void)
{
	over("data", "new");
	*flag = 1;
}

int main(void)
{
	put("data", "old");
	flag = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(flag != MAP_FAILED);
	pid_t pid = child(writer);
	while (!*flag)
		usleep(1000);
	puts(get("data"));
	done(pid);
	return 0;
}
