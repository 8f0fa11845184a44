// laplace: pinned unmasked=prog
// An executable that contains RDPID is named in the report: it tells the CPU's number. It is not executed here: not every CPU has it.
#include "check.h"

__attribute__((noinline)) static uint64_t where(void)
{
	uint64_t cpu;
	__asm__ volatile(".byte 0xf3, 0x0f, 0xc7, 0xf8" : "=a"(cpu)); /* rdpid rax, which old assemblers do not know */
	return cpu;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return (int)where();
	printf("not asked\n");
	return 0;
}
