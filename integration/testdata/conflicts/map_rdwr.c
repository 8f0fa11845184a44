// conflicts: content data
// one maps, as the loader maps libraries, a file that it has opened for writing too, another writes to it
#include "race.h"
#include <sys/mman.h>

static void one(void)
{
	int fd = open("data", O_RDWR);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && p[0] != 0);
	get("none"); /* it has the mapping still */
}
static void other(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
