// conflicts: maybe signal .
// a process that outlives the command: how far it comes
#include "race.h"

static void writer(void)
{
	for (int i = 0; i < 100; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d", i);
		over("data", text);
	}
}

int main(void)
{
	put("data", "old");
	child(writer);
	for (int i = 0; i < 20; i++)
		getppid();
	return 0;
}
