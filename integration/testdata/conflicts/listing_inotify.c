// conflicts: none
// two make names in a directory whose events one reads after that: their order
#include "race.h"
#include <sys/inotify.h>

static void one(void) { CHECK(mkdir("d/a", 0755) == 0); }
static void other(void) { CHECK(mkdir("d/b", 0755) == 0); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0);
	int in = inotify_init();
	CHECK(in >= 0 && inotify_add_watch(in, "d", IN_CREATE) >= 0);
	both(one, other);
	char b[4096];
	ssize_t n = read(in, b, sizeof b);
	CHECK(n > 0);
	if (boxed())
		for (ssize_t i = 0; i < n; i += sizeof(struct inotify_event) + ((struct inotify_event *)(b + i))->len)
			puts(((struct inotify_event *)(b + i))->name);
	return 0;
}
