// conflicts: maybe signal .
// a child is killed while it writes: how far it comes
#include "race.h"
#include <signal.h>

static void writer(void)
{
	for (int i = 0; i < 100; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d", i);
		over("data", text);
	}
	pause();
}

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	for (int i = 0; i < 20; i++)
		getppid();
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	if (boxed())
		puts(get("data"));
	return 0;
}
