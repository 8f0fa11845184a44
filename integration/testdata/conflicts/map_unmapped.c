// conflicts: none
// one maps a file, unmaps it and tells another by a pipe, which writes to it before the first one ends
#include "race.h"
#include <sys/mman.h>

static int ends[2];

static void writer(void)
{
	char c;
	CHECK(close(ends[1]) == 0 && read(ends[0], &c, 1) == 1);
	over("data", "new");
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(ends) == 0);
	pid_t pid = child(writer);
	int fd = open("data", O_RDONLY);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && p[0] == 'o');
	CHECK(munmap((void *)p, 4096) == 0 && close(fd) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	for (int i = 0; i < 50; i++)
		get("none");
	done(pid);
	return 0;
}
