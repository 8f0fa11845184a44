// conflicts: none
// one removes a file that another has open
#include "race.h"

static int fd;

static void one(void) { CHECK(unlink("data") == 0); }
static void other(void)
{
	char c;
	CHECK(pread(fd, &c, 1, 0) == 1 && c == 'o');
}

int main(void)
{
	put("data", "old");
	fd = open("data", O_RDONLY);
	CHECK(fd >= 0);
	both(one, other);
	puts(get("data"));
	return 0;
}
