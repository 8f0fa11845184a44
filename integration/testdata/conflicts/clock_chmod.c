// conflicts: none
// one changes the mode of a file that another one reads, who then makes a file: its stamp is not from the change
#include "race.h"

static int opened[2];

static void one(void)
{
	hear(opened);
	for (int i = 0; i < 3; i++)
		put("mine", "x");
	CHECK(chmod("data", 0600) == 0);
}
static void other(void)
{
	char b[8];
	int fd = open("data", O_RDONLY);
	tell(opened);
	for (int i = 0; i < 12; i++) {
		struct stat st;
		CHECK(stat("/", &st) == 0);
	}
	CHECK(read(fd, b, sizeof b) == 3);
	put("made", "x");
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(opened) == 0);
	both(one, other);
	struct stat st;
	CHECK(stat("made", &st) == 0);
	printf("%ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}
