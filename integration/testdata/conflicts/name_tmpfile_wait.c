// conflicts: none
// a file without a name gets one, and is read after a wait
#include "race.h"

static void writer(void)
{
	int fd = open(".", O_TMPFILE | O_WRONLY, 0644);
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(fd >= 0 && write(fd, "new", 3) == 3 && linkat(AT_FDCWD, path, AT_FDCWD, "x", AT_SYMLINK_FOLLOW) == 0);
}

int main(void)
{
	done(child(writer));
	puts(get("x"));
	return 0;
}
