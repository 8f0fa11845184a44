// conflicts: name flag; content data; maybe metadata flag
// a parent that looks for a file again and again, which its child makes
#include "race.h"

static void writer(void)
{
	over("data", "new");
	put("flag", "");
}

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	while (access("flag", F_OK) != 0)
		usleep(1000);
	get("data");
	done(pid);
	return 0;
}
