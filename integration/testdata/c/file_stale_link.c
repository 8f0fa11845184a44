// laplace: pinned taints=stale-open
// A descriptor of one name of a file, opened before the file's first change, which comes through another name.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(void)
{
	char buf[32] = {0};
	int reader = open("one", O_RDONLY);
	CHECK(reader >= 0 && read(reader, buf, 4) == 4);
	int writer = open("two", O_WRONLY);
	CHECK(writer >= 0 && write(writer, "THE NEW TEXT", 12) == 12 && close(writer) == 0);
	ssize_t n = pread(reader, buf, sizeof buf, 0);
	CHECK(n > 0);
	printf("%.*s", (int)n, buf); /* natively the new text; in a box old or new, but tainted */
	/* By name it is the new one. */
	int again = open("one", O_RDONLY);
	CHECK(again >= 0 && read(again, buf, 12) == 12 && memcmp(buf, "THE NEW TEXT", 12) == 0);
	return 0;
}
