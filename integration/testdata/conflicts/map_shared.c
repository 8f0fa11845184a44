// conflicts: either content data
// one writes through a shared mapping what another reads
#include "race.h"
#include <sys/mman.h>

static char *map(int prot, int flags)
{
	int fd = open("data", prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *p = mmap(NULL, 4096, prot, flags, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	return p;
}

static void one(void) { map(PROT_READ | PROT_WRITE, MAP_SHARED)[0] = 'n'; }
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
