// laplace: same taints=exhausted
// Where memory is short a program is told, and the verdict tells of it: how much there is, is the host's.
#include "check.h"

int main(void)
{
	char *top = sbrk(0);
	CHECK(sbrk(1 << 20) == top);
	CHECK(brk(top) == 0);
	CHECK_ERR((long)sbrk(0x2aaaa9000000), ENOMEM);
	CHECK(sbrk(0) == top);
	return 0;
}
