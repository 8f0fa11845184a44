// laplace: pinned
// Where memory goes: the addresses of a long series of allocations, mappings and unmappings.
#include "check.h"
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static uint64_t mix(uint64_t h, const void *p) { return (h ^ (uintptr_t)p) * 1099511628211u; }

int main(void)
{
	static void *all[2000];
	uint64_t h = 14695981039346656037u;
	for (int i = 0; i < 2000; i++) {
		size_t size = (i * 7919 % 5003) * (i % 50 == 0 ? 100 : 1) + 1;
		h = mix(h, all[i] = malloc(size));
		CHECK(all[i] != NULL);
		if (i % 3 == 0) {
			free(all[i / 2]);
			all[i / 2] = NULL;
		}
	}
	printf("malloc %016lx last %p\n", h, all[1999]);
	void *maps[200];
	for (int i = 0; i < 200; i++) {
		maps[i] = mmap(NULL, (i % 17 + 1) * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(maps[i] != MAP_FAILED);
		h = mix(h, maps[i]);
		if (i % 4 == 3)
			CHECK(munmap(maps[i - 2], ((i - 2) % 17 + 1) * 4096UL) == 0);
	}
	printf("mmap %016lx last %p\n", h, maps[199]);
	/* Large ones, for which the kernel may align to huge pages. */
	void *huge = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *low = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	char *top = sbrk(0);
	CHECK(huge != MAP_FAILED && low != MAP_FAILED && sbrk(100000) == top && (char *)sbrk(0) == top + 100000 && brk(top) == 0);
	printf("huge %p low %p brk %p\n", huge, low, (void *)top);
	/* Addresses that the program chooses. */
	char *place = (char *)huge + (32 << 20);
	CHECK(munmap(place, 1 << 20) == 0);
	CHECK(mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == place); /* a hint that is free */
	CHECK(mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
	CHECK(mmap(place, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
	char *grown = mremap(huge, 16 << 20, 16 << 20, 0);
	CHECK(grown == huge);
	void *moved = mremap(maps[100], (100 % 17 + 1) * 4096UL, 40 << 20, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED);
	printf("moved %p\n", moved);
	return 0;
}
