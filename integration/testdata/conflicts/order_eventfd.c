// conflicts: none
// an eventfd
#include "race.h"
#include <sys/eventfd.h>

static int event;

static void writer(void)
{
	over("data", "new");
	uint64_t n = 1;
	CHECK(write(event, &n, sizeof n) == sizeof n);
}

int main(void)
{
	put("data", "old");
	event = eventfd(0, 0);
	pid_t pid = child(writer);
	uint64_t n;
	CHECK(event >= 0 && read(event, &n, sizeof n) == sizeof n && n == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
