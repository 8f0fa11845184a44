// conflicts: none
// a process is killed while it looks for files that are not there: it has not come as far as that
#include "race.h"
#include <signal.h>

static void looks(void)
{
	char name[32];
	struct stat st;
	for (int i = 0;; i++) {
		snprintf(name, sizeof name, "none%d", i);
		stat(name, &st);
	}
}

int main(void)
{
	int status;
	pid_t pid = child(looks);
	for (int i = 0; i < 200; i++)
		get("prog");
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	puts("killed");
	return 0;
}
