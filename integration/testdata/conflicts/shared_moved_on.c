// conflicts: none
// a descriptor that the parent opened, which only the child writes through; the parent reads it after the wait
#include "race.h"

static int fd;

static void writer(void) { CHECK(write(fd, "new", 3) == 3); }

int main(void)
{
	fd = open("data", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	done(child(writer));
	char c[4] = "";
	CHECK(pread(fd, c, 3, 0) == 3);
	puts(c);
	return 0;
}
