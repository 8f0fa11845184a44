// conflicts: none
// two write at the offset of a descriptor that both inherited
#include "race.h"

static int fd;

static void one(void) { CHECK(write(fd, "a\n", 2) == 2); }
static void other(void) { CHECK(write(fd, "b\n", 2) == 2); }

int main(void)
{
	put("log", "");
	fd = open("log", O_WRONLY);
	CHECK(fd >= 0);
	both(one, other);
	fputs(get("log"), stdout);
	return 0;
}
