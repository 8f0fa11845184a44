// laplace: pinned refused=madvise
// MADV_FREE lets the kernel choose when the old bytes go: a box must not show its choice.
#include "check.h"
#include <sys/mman.h>

int main(void)
{
	size_t size = 32 << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 'x', size);
	errno = 0;
	int r = madvise(p, size, MADV_FREE);
	printf("MADV_FREE %d %s\n", r, errname(errno));
	long kept = 0;
	for (size_t i = 0; i < size; i += 4096) {
		CHECK(p[i] == 'x' || p[i] == 0);
		kept += p[i] == 'x';
	}
	printf("%ld pages kept\n", kept);
	/* Huge pages would show in what is in use. */
	errno = 0;
	r = madvise(p, size, MADV_HUGEPAGE);
	printf("MADV_HUGEPAGE %d %s\n", r, errname(errno));
	errno = 0;
	r = madvise(p, size, MADV_NOHUGEPAGE);
	printf("MADV_NOHUGEPAGE %d %s\n", r, errname(errno));
	return 0;
}
