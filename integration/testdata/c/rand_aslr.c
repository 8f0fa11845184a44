// laplace: pinned
// Addresses of everything: code, data, heap, stack, libraries, mappings.
#include "check.h"
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int data = 1;

int main(int argc, char **argv)
{
	int local;
	void *small = malloc(24), *big = malloc(1 << 22);
	void *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *low = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(small && big && map != MAP_FAILED && low != MAP_FAILED);
	CHECK((uintptr_t)low < 1UL << 31);
	printf("main %p data %p libc %p malloc %p %p brk %p mmap %p low %p vdso %lx\n", (void *)main, (void *)&data,
	       (void *)printf, small, big, sbrk(0), map, low, getauxval(AT_SYSINFO_EHDR));
	printf("stack %p argv %p\n", (void *)&local, (void *)argv);
	/* The pointer guard and stack protector come from AT_RANDOM. */
	uint64_t canary;
	__asm__("mov %%fs:0x28, %0" : "=r"(canary));
	CHECK(canary != 0);
	printf("canary %lx\n", canary);
	fflush(stdout);
	if (argc == 1) {
		/* The same program again, and the same in a child: one layout. */
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			execl("./prog", "./prog", "again", NULL);
			_exit(127);
		}
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return 0;
}
