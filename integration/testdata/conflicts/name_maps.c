// conflicts: name data|other
// a file is renamed while one looks at which files it has mapped
#include "race.h"
#include <sys/mman.h>

static void one(void) { CHECK(rename("data", "other") == 0); }
static void other(void) { get("/proc/self/maps"); }

int main(void)
{
	put("data", "old");
	int fd = open("data", O_RDONLY);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	both(one, other);
	return 0;
}
