// conflicts: none
// the end of a child, by a pidfd
#include "race.h"
#include <poll.h>
#include <sys/syscall.h>

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	struct pollfd p = {syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
	CHECK(p.fd >= 0 && poll(&p, 1, -1) == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
