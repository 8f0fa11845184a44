// conflicts: content -
// one seals a file in memory that another one writes to
#include "race.h"
#include <sys/mman.h>

static int fd;

static void one(void) { CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0); }
static void other(void) { CHECK(write(fd, "new", 3) == 3 || errno == EPERM); }

int main(void)
{
	fd = memfd_create("data", MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && write(fd, "old", 3) == 3);
	both(one, other);
	return 0;
}
