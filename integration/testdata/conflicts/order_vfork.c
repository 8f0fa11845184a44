// conflicts: none
// a child in its parent's memory, which goes on when that has ended
#include "race.h"

int main(void)
{
	put("data", "old");
	pid_t pid = vfork();
	if (pid == 0) {
		int fd = open("data", O_WRONLY);
		_exit(fd < 0 || write(fd, "new", 3) != 3);
	}
	puts(get("data"));
	done(pid);
	return 0;
}
