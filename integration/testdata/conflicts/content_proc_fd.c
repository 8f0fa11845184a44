// conflicts: content data
// one writes through /proc/self/fd, another reads
#include "race.h"

static void one(void)
{
	char path[32];
	int fd = open("data", O_RDONLY);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	over(path, "new");
}
static void other(void) { get("data"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
