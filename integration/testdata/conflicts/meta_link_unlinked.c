// conflicts: metadata data|x
// a file loses its only name while one gives it another one by its descriptor: that fails if there is none left
#include "race.h"

static int fd;

static void one(void) { CHECK(unlink("data") == 0); }
static void other(void)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "x", AT_SYMLINK_FOLLOW) == 0 || errno == ENOENT);
}

int main(void)
{
	put("data", "old");
	fd = open("data", O_RDONLY);
	both(one, other);
	return 0;
}
