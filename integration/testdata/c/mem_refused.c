// laplace: pinned refused=*
// Which pages happen to be in memory, and where: pinned or refused.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

int main(void)
{
	unsigned char vec[8] = {0};
	uint64_t entry = ~0UL;
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && ftruncate(fd, 8 * 4096) == 0);
	char *map = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *anon = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED && anon != MAP_FAILED);
	map[0] = 1, anon[4096] = 1;
	errno = 0;
	int r = mincore(map, 8 * 4096, vec);
	printf("mincore file %d %s", r, errname(errno));
	for (int i = 0; i < 8; i++)
		printf(" %d", vec[i] & 1);
	errno = 0;
	r = mincore(anon, 8 * 4096, vec);
	printf("\nmincore memory %d %s", r, errname(errno));
	for (int i = 0; i < 8; i++)
		printf(" %d", vec[i] & 1);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	printf("\npagemap %s", pagemap < 0 ? errname(errno) : "opened");
	if (pagemap >= 0) {
		errno = 0;
		ssize_t n = pread(pagemap, &entry, 8, (uintptr_t)anon / 4096 * 8 + 8);
		printf(" %zd %s %lx", n, errname(errno), n == 8 ? entry : 0);
		if (boxed() && n == 8)
			CHECK((entry & ((1UL << 55) - 1)) == 0);
	}
	/* Nodes and pages of the machine. */
	int status[1] = {-77}, mode = -77;
	void *pages[1] = {anon + 4096};
	unsigned long nodes[16] = {0};
	errno = 0;
	long l = syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0);
	printf("\nmove_pages %ld %s %d\n", l, errname(errno), status[0]);
	errno = 0;
	l = syscall(SYS_get_mempolicy, &mode, nodes, 1024, anon, 0);
	printf("get_mempolicy %ld %s %d %lx\n", l, errname(errno), mode, nodes[0]);
	errno = 0;
	l = syscall(SYS_get_mempolicy, &mode, nodes, 1024, anon + 4096, 3);
	printf("node of a page %ld %s %d\n", l, errname(errno), mode);
	errno = 0;
	l = syscall(SYS_migrate_pages, 0, 64, nodes, nodes);
	printf("migrate_pages %ld %s\n", l, errname(errno));
	errno = 0;
	l = syscall(451 /* cachestat */, fd, (uint64_t[2]){0, 8 * 4096}, (uint64_t[5]){0}, 0);
	printf("cachestat %ld %s\n", l, errname(errno));
	errno = 0;
	l = syscall(SYS_pkey_alloc, 0, 0);
	printf("pkey_alloc %ld %s\n", l, errname(errno));
	errno = 0;
	l = syscall(SYS_membarrier, 0, 0, 0);
	printf("membarrier %lx %s\n", l, errname(errno));
	errno = 0;
	l = syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
	printf("process_vm_readv %ld %s\n", l, errname(errno));
	return 0;
}
