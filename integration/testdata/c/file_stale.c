// laplace: same
// A descriptor that was opened before the first change of its file sees what is written afterwards.
#include "check.h"
#include <fcntl.h>

int main(void)
{
	char buf[32] = {0};
	int reader = open("lower", O_RDONLY);
	CHECK(reader >= 0 && read(reader, buf, 4) == 4);
	int writer = open("lower", O_WRONLY);
	CHECK(writer >= 0 && write(writer, "THE NEW TEXT", 12) == 12 && close(writer) == 0);
	ssize_t n = pread(reader, buf, sizeof buf, 0);
	CHECK(n > 0);
	printf("%.*s", (int)n, buf);
	return 0;
}
