// conflicts: name g; maybe metadata g
// one looks for a file below a directory that is its root for that, another makes it
#define _GNU_SOURCE
#include "race.h"
#include <linux/openat2.h>
#include <sys/syscall.h>

static int fd;
static void one(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};
	syscall(SYS_openat2, fd, "/../g", &how, sizeof how);
}
static void other(void) { open("d/g", O_WRONLY | O_CREAT, 0644); }

int main(void)
{
	CHECK(mkdir("d", 0755) == 0 && (fd = open("d", O_RDONLY | O_DIRECTORY)) >= 0);
	both(one, other);
	return 0;
}
