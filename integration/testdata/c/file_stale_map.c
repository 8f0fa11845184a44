// laplace: pinned taints=stale-open
// A mapping of a file that was made before the file's first change, and read after it.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>

int main(void)
{
	int reader = open("lower", O_RDONLY);
	CHECK(reader >= 0);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, reader, 0);
	CHECK(p != MAP_FAILED && p[0] == 't' && close(reader) == 0);
	int writer = open("lower", O_WRONLY);
	CHECK(writer >= 0 && write(writer, "THE NEW TEXT", 12) == 12 && close(writer) == 0);
	printf("%.12s\n", p); /* natively the new text; in a box old or new, but tainted */
	CHECK(munmap(p, 4096) == 0);
	/* The same, unmapped in time: nobody sees the old text. */
	reader = open("other", O_RDONLY);
	CHECK(reader >= 0 && (p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, reader, 0)) != MAP_FAILED && p[0] == 'a');
	CHECK(munmap(p, 4096) == 0 && close(reader) == 0);
	writer = open("other", O_RDWR);
	CHECK(writer >= 0 && write(writer, "OTHER", 5) == 5);
	CHECK((p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, writer, 0)) != MAP_FAILED && write(writer, "!", 1) == 1);
	printf("%.6s\n", p);
	return 0;
}
