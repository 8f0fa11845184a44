// conflicts: metadata kd
// one opens a file by its working directory, of which another takes the permission to pass away
#include "race.h"

static void one(void) { open("x", O_RDONLY); }
static void other(void) { chmod(".", 0); }

int main(void)
{
	int fd;
	CHECK(mkdir("kd", 0755) == 0 && (fd = open("kd", O_RDONLY | O_DIRECTORY)) >= 0 && chdir("kd") == 0);
	put("x", "text");
	both(one, other);
	CHECK(fchmod(fd, 0755) == 0);
	return 0;
}
