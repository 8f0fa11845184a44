// conflicts: none
// the end of a child, asked for by a pidfd again and again, without waiting
#include "race.h"
#include <poll.h>
#include <sys/syscall.h>

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	pid_t pid = child(writer);
	struct pollfd p = {syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
	int n = 0, times = 1;
	CHECK(p.fd >= 0);
	while ((n = poll(&p, 1, 0)) == 0)
		times++;
	CHECK(n == 1);
	if (getenv("LAPLACE_TEST_BOXED"))
		printf("%d\n", times);
	puts(get("data"));
	done(pid);
	return 0;
}
