// laplace: pinned unmasked=prog
// An executable that contains RDRAND is named in the report. It is not executed here: its result cannot be masked.
#include "check.h"

__attribute__((noinline)) static int draw(uint64_t *v)
{
	unsigned char ok;
	__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok));
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t v = 0;
	if (argc > 1)
		return draw(&v) && v == 0;
	printf("not drawn\n");
	return 0;
}
