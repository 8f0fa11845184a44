// laplace: same refused=renameat2
// renameat2: exchange, no replace, and whiteouts, which only an overlay's owner may make.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static void content(const char *path, const char *want)
{
	char buf[64] = {0};
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		FAIL("open %s", path);
	CHECK(read(fd, buf, sizeof buf - 1) >= 0 && close(fd) == 0);
	if (strcmp(buf, want) != 0)
		FAIL("%s holds %s, want %s", path, buf, want);
}

static int swap(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }

int main(void)
{
	struct stat st, other;
	CHECK(stat("a", &st) == 0);
	CHECK(swap("a", "b") == 0);
	content("a", "B\n");
	content("b", "A\n");
	CHECK(stat("b", &other) == 0 && other.st_ino == st.st_ino);
	/* Directories that were there before, with what is below them. */
	CHECK(swap("d1", "d2") == 0);
	content("d1/f", "two\n");
	content("d2/f", "one\n");
	content("d2/sub/deep/s", "s\n");
	CHECK_ERR(stat("d1/sub", &st), ENOENT);
	/* Old and new, file and directory. */
	int fd = open("new", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "new", 3) == 3 && close(fd) == 0 && mkdir("newdir", 0755) == 0);
	CHECK(swap("new", "a") == 0);
	content("a", "new");
	CHECK(swap("a", "d1") == 0);
	content("d1", "new");
	content("a/f", "two\n");
	CHECK(swap("newdir", "d2/sub") == 0);
	content("newdir/deep/s", "s\n");
	CHECK_ERR(stat("d2/sub/deep", &st), ENOENT);
	CHECK(swap("b", "b") == 0);
	CHECK_ERR(swap("b", "absent"), ENOENT);
	CHECK_ERR(swap("absent", "b"), ENOENT);
	CHECK_ERR(swap("newdir", "newdir/deep"), EINVAL);
	CHECK_ERR(swap("newdir/deep", "newdir"), EINVAL);

	CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "a", RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "newdir", RENAME_NOREPLACE), EEXIST);
	CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
	content("c", "A\n");
	CHECK(renameat2(AT_FDCWD, "newdir", AT_FDCWD, "d3", RENAME_NOREPLACE) == 0);
	content("d3/deep/s", "s\n");
	CHECK_ERR(renameat2(AT_FDCWD, "c", AT_FDCWD, "d3", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, "c", AT_FDCWD, "x", 0x80), EINVAL);
	CHECK(renameat2(AT_FDCWD, "c", AT_FDCWD, "c", RENAME_NOREPLACE) == -1 && errno == EEXIST);
	if (boxed()) { /* natively any user may, on some file systems */
		CHECK(renameat2(AT_FDCWD, "c", AT_FDCWD, "x", RENAME_WHITEOUT) == -1 && (errno == EPERM || errno == EINVAL));
		content("c", "A\n");
	}
	printf("done\n");
	return 0;
}
