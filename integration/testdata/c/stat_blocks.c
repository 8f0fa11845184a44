// laplace: pinned
// Block counts and holes follow from what was written, not from how a file system happens to store it.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

#define MB (1L << 20)

static void show(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	printf("%s size %ld blocks %ld:", path, st.st_size, st.st_blocks);
	off_t at = 0;
	while (at < st.st_size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0) {
			if (errno != ENXIO)
				FAIL("SEEK_DATA");
			printf(" hole to the end");
			break;
		}
		off_t hole = lseek(fd, data, SEEK_HOLE);
		CHECK(hole > data && hole <= st.st_size);
		printf(" data %ld..%ld", data, hole);
		at = hole;
	}
	printf("\n");
	CHECK_ERR(lseek(fd, st.st_size, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, st.st_size, SEEK_HOLE), ENXIO);
	CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
	CHECK(close(fd) == 0);
}

int main(void)
{
	show("lower");
	show("hole");
	show("dense");
	show("small");
	int fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && ftruncate(fd, 2 * MB) == 0);
	show("new");
	CHECK(pwrite(fd, "data", 4, MB) == 4);
	show("new");
	if (boxed()) {
		struct stat st;
		CHECK(fstat(fd, &st) == 0 && st.st_blocks == 8);
		CHECK(lseek(fd, 0, SEEK_DATA) == MB);
		CHECK(lseek(fd, MB, SEEK_HOLE) == MB + 4096);
		CHECK(lseek(fd, 0, SEEK_HOLE) == 0);
		CHECK_ERR(lseek(fd, MB + 4096, SEEK_DATA), ENXIO);
	}
	CHECK(pwrite(fd, "x", 1, 5000) == 1);
	CHECK(pwrite(fd, "x", 1, 2 * MB - 1) == 1);
	show("new");
	CHECK(fsync(fd) == 0);
	show("new"); /* delayed allocation shows here natively */
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MB, 4096) == 0);
	show("new");
	CHECK(ftruncate(fd, 6000) == 0);
	show("new");
	CHECK(close(fd) == 0);
	/* A file that was there before, after a change. */
	fd = open("lower", O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, "y", 1, 0) == 1 && close(fd) == 0);
	show("lower");
	char buf[4];
	fd = open("lower", O_RDONLY);
	CHECK(pread(fd, buf, 4, MB) == 4 && memcmp(buf, "data", 4) == 0);
	CHECK(pread(fd, buf, 4, MB + 4) == 4 && memcmp(buf, "\0\0\0\0", 4) == 0);
	/* Small files: what fits into an inode natively. */
	fd = open("tiny", O_WRONLY | O_CREAT, 0644);
	for (int i = 0; i < 3; i++) {
		CHECK(write(fd, "0123456789", 10) == 10);
		show("tiny");
	}
	CHECK(symlink("a target that may be stored in the inode, or not, because it is longer than sixty bytes", "sym") == 0);
	struct stat st;
	CHECK(lstat("sym", &st) == 0);
	printf("symlink size %ld blocks %ld\n", st.st_size, st.st_blocks);
	CHECK(stat(".", &st) == 0);
	printf("directory size %ld blocks %ld nlink %ld\n", st.st_size, st.st_blocks, (long)st.st_nlink);
	return 0;
}
