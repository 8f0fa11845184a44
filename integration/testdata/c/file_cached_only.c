// laplace: pinned refused=openat2!
// openat2 with RESOLVE_CACHED, which says whether the kernel has looked at a path lately: in a box it has not.
#include "check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static long cached(const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {flags, 0, RESOLVE_CACHED | resolve};
	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

int main(void)
{
	static const char *paths[] = {"prog", ".", "/", "/usr/bin/env", "/proc/self/status", "/dev/null", "absent"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct stat st;
		stat(paths[i], &st); /* now it is cached */
		errno = 0;
		long fd = cached(paths[i], O_RDONLY, 0);
		printf("%s: %s\n", paths[i], fd < 0 ? errname(errno) : "open");
		if (boxed() && (fd >= 0 || errno != EAGAIN))
			FAIL("%s", paths[i]);
	}
	/* It is no use where something would be made; and what follows from the documentation. */
	CHECK_ERR(cached("new", O_CREAT | O_WRONLY, 0), EAGAIN);
	int fd = open("prog", O_RDONLY);
	CHECK(fd >= 0);
	return 0;
}
