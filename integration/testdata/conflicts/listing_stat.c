// conflicts: none
// one asks for a directory's metadata, another makes a name in it: its time is of what has come before
#include "race.h"

static void one(void)
{
	struct stat st;
	CHECK(stat("d", &st) == 0);
	if (boxed())
		printf("%ld.%09ld %ld\n", st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long)st.st_nlink);
}
static void other(void) { put("d/new", "1"); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	both(one, other);
	puts(get("d/new"));
	return 0;
}
