// conflicts: content data
// one maps, as the loader maps libraries, a file whose descriptor it has inherited from another program, another writes to it
#include "race.h"
#include <sys/mman.h>

static void one(void)
{
	int fd = open("data", O_RDONLY);
	CHECK(dup2(fd, 9) == 9);
	execl("/proc/self/exe", "again", "map", NULL);
	CHECK(0);
}
static void other(void) { over("data", "new"); }

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, 9, 0);
		CHECK(p != MAP_FAILED && p[0] != 0);
		get("none"); /* it has the mapping still */
		return 0;
	}
	put("data", "old");
	both(one, other);
	return 0;
}
