// conflicts: none
// a child for which is asked again and again, until it has ended
#include "race.h"

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	while (waitpid(pid, NULL, WNOHANG) == 0)
		usleep(1000);
	puts(get("data"));
	return 0;
}
