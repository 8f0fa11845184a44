// conflicts: maybe signal .
// a signal that a child gets while it writes: where it comes
#include "race.h"
#include <signal.h>

static int p[2], i;

static void caught(int n)
{
	char text[16];
	snprintf(text, sizeof text, "at %d", i);
	int fd = open("data", O_WRONLY);
	CHECK(write(fd, text, strlen(text)) > 0);
	close(fd);
}
static void writer(void)
{
	signal(SIGUSR1, caught);
	tell(p);
	for (; i < 100; i++)
		get("data");
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	hear(p);
	CHECK(kill(pid, SIGUSR1) == 0);
	done(pid);
	if (boxed())
		puts(get("data"));
	return 0;
}
