// laplace: pinned
// Size, blocks and link count of a directory do not depend on its history or on the file system.
#include "check.h"
#include <sys/stat.h>

static struct stat get(const char *path)
{
	struct stat st;
	CHECK(stat(path, &st) == 0);
	printf("%s size %ld blocks %ld nlink %ld blksize %ld\n", path, st.st_size, st.st_blocks, (long)st.st_nlink, st.st_blksize);
	return st;
}

int main(void)
{
	char name[64];
	get("lower");
	get(".");
	CHECK(mkdir("grown", 0755) == 0 && mkdir("fresh", 0755) == 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "grown/a-rather-long-name-%d", i);
		CHECK(mknod(name, S_IFREG | 0644, 0) == 0);
	}
	get("grown");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "grown/a-rather-long-name-%d", i);
		CHECK(unlink(name) == 0);
	}
	struct stat grown = get("grown"), fresh = get("fresh");
	if (boxed()) /* ext4 never shrinks a directory: natively they may differ */
		CHECK(grown.st_size == fresh.st_size && grown.st_blocks == fresh.st_blocks && grown.st_nlink == fresh.st_nlink);
	/* find counts on nlink - 2 being the number of subdirectories, or on nlink being 1. */
	CHECK(mkdir("fresh/x", 0755) == 0 && mkdir("fresh/y", 0755) == 0);
	struct stat st = get("fresh");
	CHECK(st.st_nlink == 4 || st.st_nlink == 1);
	st = get("lower");
	CHECK(st.st_nlink == 4 || st.st_nlink == 1);
	get("/");
	get("/usr");
	get("/tmp");
	return 0;
}
