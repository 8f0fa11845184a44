// laplace: pinned
// rdtsc and rdtscp count up, and in a box count virtual time on a virtual CPU.
#include "check.h"
#include <time.h>

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static uint64_t rdtscp(uint32_t *aux)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux));
	return (uint64_t)hi << 32 | lo;
}

int main(void)
{
	uint64_t last = rdtsc();
	printf("first %lu\n", last);
	for (int i = 0; i < 1000; i++) {
		uint32_t aux;
		uint64_t a = rdtsc(), b = rdtscp(&aux);
		/* Natively rdtscp waits for earlier instructions and so never comes before the rdtsc. */
		if (a < last || b < a)
			FAIL("counter went back: %lu %lu %lu", last, a, b);
		last = b;
		if (i % 250 == 0)
			printf("%lu %lu aux %x\n", a, b, aux);
	}
	/* The other registers keep their values across the instruction. */
	uint64_t rbx = 0x1122334455667788, r8 = 0x99, hi, lo, flags;
	register uint64_t r8v __asm__("r8") = r8;
	__asm__ volatile("stc; rdtsc; pushfq; popq %3" : "+b"(rbx), "=a"(lo), "=d"(hi), "=r"(flags), "+r"(r8v)::"cc", "memory");
	CHECK(rbx == 0x1122334455667788 && r8v == 0x99);
	CHECK(hi <= 0xffffffff && lo <= 0xffffffff);
	CHECK(flags & 1);
	/* It advances with a sleep. */
	struct timespec s = {0, 2000000};
	uint64_t before = rdtsc();
	CHECK(nanosleep(&s, NULL) == 0);
	uint64_t after = rdtsc();
	CHECK(after > before);
	printf("2 ms: %lu\n", after - before);
	return 0;
}
