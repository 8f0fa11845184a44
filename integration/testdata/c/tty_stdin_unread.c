// laplace: same stdin="never read"
// A program that does not read its input ends like any other.
#include "check.h"

int main(void)
{
	printf("not read\n");
	return 0;
}
