// laplace: pinned
// The auxiliary vector: AT_RANDOM, hardware capabilities, identity.
#include "check.h"
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/random.h>

int main(void)
{
	const unsigned char *r = (const void *)getauxval(AT_RANDOM);
	CHECK(r != NULL);
	for (int i = 0; i < 16; i++)
		printf("%02x", r[i]);
	printf("\n");
	CHECK(memcmp(r, (char[16]){0}, 16) != 0);
	unsigned char again[16];
	CHECK(getrandom(again, 16, 0) == 16 && memcmp(r, again, 16) != 0);

	for (unsigned long type = 1; type < 64; type++) {
		errno = 0;
		unsigned long v = getauxval(type);
		if (errno == 0)
			printf("%lu %lx\n", type, v);
	}
	printf("hwcap %lx %lx, platform %s, base platform %s\n", getauxval(AT_HWCAP), getauxval(AT_HWCAP2),
	       getauxval(AT_PLATFORM) ? (char *)getauxval(AT_PLATFORM) : "none",
	       getauxval(AT_BASE_PLATFORM) ? (char *)getauxval(AT_BASE_PLATFORM) : "none");
	CHECK(strcmp((char *)getauxval(AT_EXECFN), "./prog") == 0);
	CHECK(getauxval(AT_SECURE) == 0);
	CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
	CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
	CHECK(getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
	CHECK(((uintptr_t)r & ~0xfffffffUL) == ((uintptr_t)&again & ~0xfffffffUL)); /* on the stack */

	/* /proc/self/auxv says the same as the stack (getauxval does not: glibc replaces AT_HWCAP). */
	char **e = environ;
	while (*e)
		e++;
	const unsigned long *stack = (const void *)(e + 1);
	unsigned long v[2];
	int fd = open("/proc/self/auxv", O_RDONLY), entries = 0;
	CHECK(fd >= 0);
	while (read(fd, v, sizeof v) == sizeof v && v[0] != AT_NULL) {
		if (stack[0] != v[0] || stack[1] != v[1])
			FAIL("%lu is %lx on the stack, %lu is %lx in /proc", stack[0], stack[1], v[0], v[1]);
		if (v[0] == AT_HWCAP || v[0] == AT_HWCAP2)
			printf("%lu %lx\n", v[0], v[1]);
		stack += 2;
		entries++;
	}
	CHECK(entries > 10);
	return 0;
}
