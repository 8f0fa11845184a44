// conflicts: content data
// one reads through a private mapping what another writes
#include "race.h"
#include <sys/mman.h>

static char *map(int prot, int flags)
{
	int fd = open("data", prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *p = mmap(NULL, 4096, prot, flags, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	return p;
}

static void one(void)
{
	volatile char *p = map(PROT_READ, MAP_PRIVATE);
	CHECK(p[0] != 0);
}
static void other(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
