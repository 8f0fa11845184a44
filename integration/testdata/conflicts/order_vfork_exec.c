// conflicts: content data
// a program that was started by vfork writes, and its parent does not wait
#include "race.h"

int main(int argc, char **argv)
{
	if (argc > 1) {
		over("data", "new");
		return 0;
	}
	put("data", "old");
	pid_t pid = vfork();
	if (pid == 0) {
		execl(argv[0], argv[0], "write", NULL);
		_exit(1);
	}
	get("data");
	done(pid);
	return 0;
}
