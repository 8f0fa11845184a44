// conflicts: none
// two read at the offset of a descriptor that both inherited
#include "race.h"

static int fd;

static void one(void)
{
	char c;
	CHECK(read(fd, &c, 1) == 1);
	printf("one %c\n", c);
}
static void other(void)
{
	char c;
	CHECK(read(fd, &c, 1) == 1);
	printf("other %c\n", c);
}

int main(void)
{
	put("data", "abcdef");
	fd = open("data", O_RDONLY);
	CHECK(fd >= 0);
	both(one, other);
	return 0;
}
