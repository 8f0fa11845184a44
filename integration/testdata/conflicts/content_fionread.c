// conflicts: content|metadata data
// one asks how much there is to read, another appends
#include "race.h"
#include <sys/ioctl.h>

static void one(void)
{
	int n, fd = open("data", O_RDONLY);
	CHECK(fd >= 0 && ioctl(fd, FIONREAD, &n) == 0);
}
static void other(void) { add("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
