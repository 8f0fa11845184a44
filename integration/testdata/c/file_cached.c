// laplace: pinned refused=openat2,preadv2,pwritev2
// Calls whose results show what the kernel happens to have cached: RESOLVE_CACHED, RWF_NOWAIT.
#include "check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static void show(const char *what, long r)
{
	printf("%s %s\n", what, r < 0 ? errname(errno) : "ok");
	if (r < 0)
		CHECK(errno != EIO);
}

int main(void)
{
	static const char *const paths[] = {"d/e/f", "d", "absent", "/usr/share/doc", "/usr/lib/os-release", "/etc/shells", "/usr/bin/perl"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct open_how how = {O_RDONLY, 0, RESOLVE_CACHED};
		for (int j = 0; j < 2; j++) {
			errno = 0;
			long fd = syscall(SYS_openat2, AT_FDCWD, paths[i], &how, sizeof how);
			show(paths[i], fd);
			if (fd >= 0) {
				char buf[4096];
				struct iovec v = {buf, sizeof buf};
				errno = 0;
				show("preadv2 RWF_NOWAIT", preadv2(fd, &v, 1, 0, RWF_NOWAIT));
				CHECK(close(fd) == 0);
			}
			struct stat st;
			(void)!stat(paths[i], &st);
		}
	}
	char buf[10000] = {0};
	struct iovec v = {buf, sizeof buf};
	int fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	errno = 0;
	show("pwritev2 RWF_NOWAIT", pwritev2(fd, &v, 1, 0, RWF_NOWAIT));
	errno = 0;
	show("preadv2 RWF_NOWAIT", preadv2(fd, &v, 1, 0, RWF_NOWAIT));
	return 0;
}
