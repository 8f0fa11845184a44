/* Assertions that the test programs share. Each program stays one file: everything here is static. */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* FAIL prints a line that begins with FAIL, whatever was printed before, and ends the program with status 1. */
#define FAIL(...)                                       \
	do {                                            \
		int check_errno = errno;                \
		printf("\nFAIL %s:%d: ", __FILE_NAME__, __LINE__); \
		printf(__VA_ARGS__);                    \
		printf(" (errno %s)\n", errname(check_errno)); \
		fflush(stdout);                         \
		_exit(1);                               \
	} while (0)

/* CHECK fails unless cond holds. It clears errno first, so cond can only look at the errno of its own calls. */
#define CHECK(cond)                        \
	do {                               \
		errno = 0;                 \
		if (!(cond))               \
			FAIL("%s", #cond); \
	} while (0)

/* CHECK_ERR fails unless the call returns -1 with errno want. */
#define CHECK_ERR(call, want)                                                          \
	do {                                                                           \
		errno = 0;                                                             \
		long check_ret = (long)(call);                                         \
		if (check_ret != -1)                                                   \
			FAIL("%s = %ld, want %s", #call, check_ret, errname(want));    \
		if (errno != (want))                                                   \
			FAIL("%s: want %s", #call, errname(want));                     \
	} while (0)

/* errname is the symbolic name of an errno, "0" for none. */
__attribute__((unused)) static const char *errname(int e)
{
	const char *n = e ? strerrorname_np(e) : "0";
	return n ? n : "unknown";
}

/* boxed reports whether the program runs in a box: the harness says so through its environment. */
__attribute__((unused)) static int boxed(void) { return getenv("LAPLACE_TEST_BOXED") != NULL; }

#endif
