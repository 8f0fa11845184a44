// conflicts: none
// what was written through a shared mapping, after a wait
#include "race.h"
#include <sys/mman.h>

static char *map(int prot, int flags)
{
	int fd = open("data", prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *p = mmap(NULL, 4096, prot, flags, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	return p;
}

static void writer(void) { map(PROT_READ | PROT_WRITE, MAP_SHARED)[0]++; }

int main(void)
{
	put("data", "old");
	done(child(writer));
	puts(get("data"));
	done(child(writer));
	puts(get("data"));
	return 0;
}
