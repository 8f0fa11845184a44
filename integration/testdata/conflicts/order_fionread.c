// conflicts: none
// a pipe of which is asked again and again how much it holds
#include "race.h"
#include <sys/ioctl.h>

static int p[2];

static void writer(void)
{
	over("data", "new");
	tell(p);
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	for (int n = 0; n == 0; usleep(1000))
		CHECK(ioctl(p[0], FIONREAD, &n) == 0);
	puts(get("data"));
	done(pid);
	return 0;
}
