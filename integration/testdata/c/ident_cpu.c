// laplace: pinned
// Which CPU the program is on: the first, wherever it runs. Canary of the pin "cpu".
#include "check.h"
#include <sys/syscall.h>

int main(void)
{
	unsigned cpu = 99, node = 99;
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0);
	printf("cpu %u node %u\n", cpu, node);
	if (boxed())
		CHECK(cpu == 0 && node == 0);
	return 0;
}
