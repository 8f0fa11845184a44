// laplace: pinned
// getrandom: every flag and size; a stream, not a constant.
#include "check.h"
#include <sys/random.h>
#include <sys/syscall.h>

static void show(const char *what, const unsigned char *p, size_t n)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	printf("%s %zu %016lx\n", what, n, h);
}

int main(void)
{
	static const size_t sizes[] = {1, 2, 7, 8, 9, 16, 32, 63, 64, 65, 255, 256, 257, 4096, 65536, 1 << 20};
	static const unsigned flags[] = {0, GRND_NONBLOCK, GRND_RANDOM, GRND_RANDOM | GRND_NONBLOCK, 4 /* GRND_INSECURE */};
	static unsigned char a[1 << 20], b[1 << 20];
	for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			memset(a, 0, sizeof a);
			memset(b, 0, sizeof b);
			CHECK(getrandom(a, sizes[s], flags[f]) == sizes[s]);
			CHECK(syscall(SYS_getrandom, b, sizes[s], flags[f]) == sizes[s]);
			if (sizes[s] >= 16) {
				CHECK(memcmp(a, b, sizes[s]) != 0);
				/* Every part is filled: no 16 bytes are zero. */
				for (size_t i = 0; i + 16 <= sizes[s]; i += 16)
					CHECK(memcmp(a + i, (char[16]){0}, 16) != 0);
			}
			if (sizes[s] < sizeof a)
				CHECK(a[sizes[s]] == 0);
			show("getrandom", a, sizes[s]);
		}
	/* A million bytes look random. */
	long ones = 0;
	for (size_t i = 0; i < sizeof a; i++)
		ones += __builtin_popcount(a[i]);
	long half = 4L << 20;
	if (ones < half - half / 100 || ones > half + half / 100)
		FAIL("%ld of %ld bits are set", ones, 2 * half);

	CHECK(getrandom(a, 0, 0) == 0);
	CHECK_ERR(getrandom(a, 8, 8), EINVAL);
	CHECK_ERR(getrandom(a, 8, GRND_RANDOM | 4), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, 8, 8, 0), EFAULT);
	CHECK(getentropy(a, 256) == 0);
	show("getentropy", a, 256);
	CHECK_ERR(getentropy(a, 257), EIO);
	return 0;
}
