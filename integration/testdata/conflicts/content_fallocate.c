// conflicts: content data
// one reads while another allocates space at the end
#include "race.h"

static void one(void) { get("data"); }
static void other(void)
{
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && fallocate(fd, 0, 0, 4096) == 0);
}

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
