// conflicts: metadata kd
// one makes a directory its own by a descriptor, another takes the permission for that away
#include "race.h"

static int fd;
static void one(void) { (void)!fchdir(fd); }
static void other(void) { chmod("kd", 0); }

int main(void)
{
	CHECK(mkdir("kd", 0755) == 0 && (fd = open("kd", O_RDONLY | O_DIRECTORY)) >= 0);
	both(one, other);
	CHECK(chmod("kd", 0755) == 0);
	return 0;
}
