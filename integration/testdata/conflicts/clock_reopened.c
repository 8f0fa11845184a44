// conflicts: none
// one writes to a file twice, another one opens it for writing meanwhile and writes nothing: that ends nobody's session
#include "race.h"

static void one(void)
{
	int fd = open("data", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "a", 1) == 1);
	for (int i = 0; i < 20; i++) {
		struct stat st;
		CHECK(stat("/", &st) == 0);
	}
	CHECK(write(fd, "b", 1) == 1);
	put("made", "x");
}
static void other(void) { CHECK(open("data", O_WRONLY) >= 0); }

int main(void)
{
	put("data", "old");
	both(one, other);
	struct stat st;
	CHECK(stat("made", &st) == 0);
	printf("%ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}
