// laplace: pinned
// Memory past 47 bits, which some processors have, is nowhere; that more is asked for than there is anywhere does not taint.
#include "check.h"
#include <sys/mman.h>
#include <sys/syscall.h>

#define FAR ((char *)(1UL << 48))

int main(void)
{
	if (!boxed())
		return 0;
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *p = mmap(FAR, 4096, prot, flags, -1, 0);
	CHECK(p != MAP_FAILED && p < FAR);
	CHECK(mmap(FAR, 4096, prot, flags | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(FAR, 4096, prot, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, FAR) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 1UL << 60, prot, flags | MAP_NORESERVE, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(FAR, 1UL << 48, prot, flags | MAP_NORESERVE, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(syscall(SYS_brk, FAR) == (long)sbrk(0));
	printf("ok\n");
	return 0;
}
