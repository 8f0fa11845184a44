// laplace: pinned exit=139
// The box's first process crashes while others run: what they did before counts, and what it wrote is not lost.
#include "check.h"
#include <fcntl.h>
#include <signal.h>

int main(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (volatile long i = 0; i < 100000000; i++)
			;
		for (int i = 0; i < 1000; i++)
			if (dprintf(1, "%d\n", i) < 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		close(open("/dev/null", O_RDONLY));
	if (write(1, "crashes\n", 8) != 8)
		_exit(1);
	*(volatile int *)8 = 1;
	return 0;
}
