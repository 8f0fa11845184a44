// conflicts: name data|other
// a file is renamed while one asks /proc for the path of its descriptor
#include "race.h"

static int fd;

static void one(void) { CHECK(rename("data", "other") == 0); }
static void other(void)
{
	char path[32], b[4096];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(readlink(path, b, sizeof b) > 0);
}

int main(void)
{
	put("data", "old");
	fd = open("data", O_RDONLY);
	both(one, other);
	return 0;
}
