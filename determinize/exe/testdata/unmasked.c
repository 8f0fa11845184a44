// One program for each instruction that Scan looks for, and for bytes that only
// look like one. Built with -DNAME, never run.

#if defined(RDRAND_INTRINSIC) || defined(RDSEED_INTRINSIC)
#include <immintrin.h>
int main(void) {
	unsigned long long v = 0;
#ifdef RDRAND_INTRINSIC
	while (!_rdrand64_step(&v))
#else
	while (!_rdseed64_step(&v))
#endif
		;
	return (int)v;
}
#else

static int use(long v) { return v != 0; }

int main(int argc, char **argv) {
	long v = argc;
	if (argc > 3) // some code before it
		v += use(*argv[1]) * 77;
#if defined(RDRAND16)
	__asm__ volatile("rdrand %%ax" : "=a"(v));
#elif defined(RDRAND32)
	__asm__ volatile("rdrand %%ecx" : "=c"(v));
#elif defined(RDRAND64)
	__asm__ volatile("rdrand %%r15" : : : "r15");
#elif defined(RDSEED16)
	__asm__ volatile("rdseed %%r9w" : : : "r9");
#elif defined(RDSEED32)
	__asm__ volatile("rdseed %%edx" : "=d"(v));
#elif defined(RDSEED64)
	__asm__ volatile("rdseed %%rdi" : "=D"(v));
#elif defined(RDPID)
	__asm__ volatile("rdpid %%rax" : "=a"(v));
#elif defined(RDPID_R8)
	__asm__ volatile("rdpid %%r8" : : : "r8");
#elif defined(ALL)
	__asm__ volatile("rdpid %%rax; rdseed %%rax; rdrand %%rax" : "=a"(v));
#elif defined(AFTER_AVX)
	__asm__ volatile("vpaddd %%ymm1,%%ymm2,%%ymm3; vzeroupper; vzeroall; rdrand %%rax" : "=a"(v));
#elif defined(IMMEDIATE)
	__asm__ volatile("mov $0x12f0c70f,%%eax; movabs $0x3412fbc70ff30000,%%rcx" : "=a"(v) : : "rcx");
#elif defined(DISPLACEMENT)
	__asm__ volatile("lea 0x7ff8c70f(%%rax),%%rcx; .byte 0x48,0x8d,0x05,0x0f,0xc7,0xff,0xff" : : : "rax", "rcx");
#elif defined(OTHERS) // cmpxchg8b, cmpxchg16b, xsavec, xrstors, rdfsbase, rdtscp
	__asm__ volatile("jmp 1f; cmpxchg8b (%%rdi); cmpxchg16b (%%rdi); xsavec (%%rdi);"
		"rdfsbase %%rax; rdtscp; 1:" : : : "rax", "rcx", "rdx");
#elif defined(RODATA)
	static const char table[] = "\x0f\xc7\xf0\x90\x0f\xc7\xf8\x90\xf3\x0f\xc7\xf8";
	v = use(table[argc]);
#endif
	return use(v);
}
#endif
