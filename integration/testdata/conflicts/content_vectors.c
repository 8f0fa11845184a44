// conflicts: content data
// preadv beside pwritev
#include "race.h"
#include <sys/uio.h>

static void one(void)
{
	char b[4];
	struct iovec v = {b, 4};
	int fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && preadv(fd, &v, 1, 0) == 3);
}
static void other(void)
{
	struct iovec v = {"b", 1};
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && pwritev(fd, &v, 1, 1) == 1);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
