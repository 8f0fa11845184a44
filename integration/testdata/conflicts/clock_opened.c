// conflicts: none
// one writes to a file that another one only opens, who then makes a file: the stamp of that one is not from the other's writing
#include "race.h"

static void one(void)
{
	for (int i = 0; i < 3; i++)
		put("data", "new");
}
static void other(void)
{
	int fd = open("data", O_RDONLY), again = open("data", O_RDWR);
	CHECK(fd >= 0 && again >= 0);
	put("made", "x");
}

int main(void)
{
	put("data", "old");
	both(one, other);
	struct stat st;
	CHECK(stat("made", &st) == 0);
	printf("%ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}
