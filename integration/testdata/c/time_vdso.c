// laplace: pinned
// The functions of the vDSO, called as the loader's symbols say, agree with the raw calls.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static const char *base;

/* find is the address of a symbol of the vDSO, NULL if it has none. */
static void *find(const char *name)
{
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const char *load = base;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			load = base + ph[i].p_offset - ph[i].p_vaddr;
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	}
	if (dyn == NULL)
		return NULL;
	const char *strings = NULL;
	const Elf64_Sym *symbols = NULL;
	const uint32_t *hash = NULL, *gnu = NULL;
	for (; dyn->d_tag != DT_NULL; dyn++) {
		const void *p = load + dyn->d_un.d_ptr;
		if (dyn->d_tag == DT_STRTAB)
			strings = p;
		if (dyn->d_tag == DT_SYMTAB)
			symbols = p;
		if (dyn->d_tag == DT_HASH)
			hash = p;
		if (dyn->d_tag == DT_GNU_HASH)
			gnu = p;
	}
	uint32_t count = hash ? hash[1] : 0;
	if (hash == NULL && gnu != NULL) {
		const uint32_t *buckets = (const void *)((const uint64_t *)(gnu + 4) + gnu[2]), *chain = buckets + gnu[0];
		for (uint32_t i = 0; i < gnu[0]; i++)
			if (buckets[i] > count)
				count = buckets[i];
		while (!(chain[count - gnu[1]] & 1))
			count++;
		count++;
	}
	for (uint32_t i = 0; i < count; i++)
		if (symbols[i].st_shndx != SHN_UNDEF && strcmp(strings + symbols[i].st_name, name) == 0)
			return (void *)(load + symbols[i].st_value);
	return NULL;
}

static int64_t ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

int main(void)
{
	base = (const char *)getauxval(AT_SYSINFO_EHDR);
	if (base == NULL) {
		printf("no vDSO\n");
		return 0;
	}
	CHECK(memcmp(base, ELFMAG, SELFMAG) == 0);
	struct timespec a, b, c;
	struct timeval tv;

	int (*gettime)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
	static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC_RAW,
					CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID};
	for (size_t i = 0; gettime && i < sizeof ids / sizeof *ids; i++) {
		CHECK(syscall(SYS_clock_gettime, ids[i], &a) == 0);
		CHECK(gettime(ids[i], &b) == 0);
		CHECK(syscall(SYS_clock_gettime, ids[i], &c) == 0);
		if (ns(a) > ns(b) || ns(b) > ns(c))
			FAIL("clock %d: %ld %ld %ld", ids[i], ns(a), ns(b), ns(c));
		printf("clock_gettime %d %ld\n", ids[i], ns(b));
	}
	if (gettime)
		CHECK(gettime(99, &a) == -EINVAL);

	int (*gettimeofday_)(struct timeval *, struct timezone *) = find("__vdso_gettimeofday");
	if (gettimeofday_) {
		CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &a) == 0);
		CHECK(gettimeofday_(&tv, NULL) == 0);
		CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &c) == 0);
		int64_t v = tv.tv_sec * 1000000LL + tv.tv_usec;
		CHECK(ns(a) / 1000 <= v && v <= ns(c) / 1000);
		printf("gettimeofday %ld\n", v);
	}
	time_t (*time_)(time_t *) = find("__vdso_time");
	if (time_) {
		time_t stored, t = syscall(SYS_time, NULL), u = time_(&stored), w = syscall(SYS_time, NULL);
		CHECK(t <= u && u <= w && stored == u);
		printf("time %ld\n", u);
	}
	int (*getres)(clockid_t, struct timespec *) = find("__vdso_clock_getres");
	if (getres) {
		CHECK(getres(CLOCK_MONOTONIC, &a) == 0 && syscall(SYS_clock_getres, CLOCK_MONOTONIC, &b) == 0);
		CHECK(ns(a) == ns(b));
	}
	long (*getcpu_)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
	if (getcpu_) {
		unsigned cpu = 99, node = 99, raw_cpu = 98, raw_node = 98;
		CHECK(getcpu_(&cpu, &node, NULL) == 0);
		CHECK(syscall(SYS_getcpu, &raw_cpu, &raw_node, NULL) == 0);
		printf("getcpu %u %u\n", cpu, node);
		if (boxed())
			CHECK(cpu == raw_cpu && node == raw_node);
	}
	long (*getrandom_)(void *, size_t, unsigned, void *, size_t) = find("__vdso_getrandom");
	if (getrandom_) {
		char state[4096], out[8];
		long r = getrandom_(out, 0, 0, state, ~0UL); /* asks for the size of its state */
		printf("getrandom %ld\n", r);
		if (boxed())
			CHECK(r == -ENOSYS);
	}
	return 0;
}
