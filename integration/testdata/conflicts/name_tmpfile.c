// conflicts: name x; maybe content x|-; maybe metadata x|-
// a file without a name gets one, another looks for it
#include "race.h"

static void one(void)
{
	int fd = open(".", O_TMPFILE | O_WRONLY, 0644);
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(fd >= 0 && write(fd, "new", 3) == 3 && linkat(AT_FDCWD, path, AT_FDCWD, "x", AT_SYMLINK_FOLLOW) == 0);
}
static void other(void) { get("x"); }

int main(void)
{
	both(one, other);
	return 0;
}
