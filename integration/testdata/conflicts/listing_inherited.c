// conflicts: listing d
// one lists a directory by an inherited descriptor, another fills it
#include "race.h"
#include <sys/syscall.h>

static int fd;

static void one(void)
{
	char b[4096];
	CHECK(syscall(SYS_getdents64, fd, b, sizeof b) > 0);
}
static void other(void) { put("d/new", "1"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	both(one, other);
	return 0;
}
