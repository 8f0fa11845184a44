// conflicts: none
// private mappings that are written to
#include "race.h"
#include <sys/mman.h>

static char *map(int prot, int flags)
{
	int fd = open("data", O_RDONLY);
	char *p = mmap(NULL, 4096, prot, flags, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	return p;
}

static void one(void) { map(PROT_READ | PROT_WRITE, MAP_PRIVATE)[0] = 'x'; }
static void other(void) { map(PROT_READ | PROT_WRITE, MAP_PRIVATE)[0] = 'y'; }

int main(void)
{
	put("data", "old");
	both(one, other);
	puts(get("data"));
	return 0;
}
