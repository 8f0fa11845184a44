// conflicts: listing d
// one asks for the end of a directory, which tells how many names it has, another makes a file in it
#include "race.h"

static int fd;
static void one(void) { (void)!lseek(fd, 0, SEEK_END); }
static void other(void) { open("d/f", O_WRONLY | O_CREAT, 0644); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0 && (fd = open("d", O_RDONLY | O_DIRECTORY)) >= 0);
	both(one, other);
	return 0;
}
