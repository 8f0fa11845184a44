// laplace: pinned
// Directories are listed in one order, by every call, names old and new together.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct linux_dirent {
	unsigned long d_ino, d_off;
	unsigned short d_reclen;
	char d_name[];
};

static char all[4][100][64];
static unsigned char types[100];
static int counts[4];

static void order(int which)
{
	const char *last = NULL;
	for (int i = 0; i < counts[which]; i++) {
		const char *n = all[which][i];
		if (strcmp(n, ".") == 0 || strcmp(n, "..") == 0)
			continue;
		if (boxed() && last && strcmp(last, n) >= 0)
			FAIL("way %d: %s comes before %s", which, last, n);
		last = n;
	}
}

int main(void)
{
	static const char *const more[] = {"new", "aaa", "Zulu", "banan", "bananas", "\x01low", "\xff\xfehigh"};
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		char path[80];
		snprintf(path, sizeof path, "d/%s", more[i]);
		CHECK(mknod(path, S_IFREG | 0644, 0) == 0);
	}
	CHECK(unlink("d/apple") == 0 && rename("d/zebra", "d/middle") == 0);

	/* The library. */
	DIR *dir = opendir("d");
	CHECK(dir != NULL);
	struct stat st;
	for (struct dirent *e; (e = readdir(dir));) {
		types[counts[0]] = e->d_type;
		snprintf(all[0][counts[0]++], 64, "%.63s", e->d_name);
	}
	/* getdents64, with a buffer for all and with one for a few. */
	for (int way = 1; way < 3; way++) {
		char buf[8192];
		int fd = open("d", O_RDONLY | O_DIRECTORY);
		long n;
		while ((n = syscall(SYS_getdents64, fd, buf, way == 1 ? sizeof buf : 120)) > 0)
			for (long at = 0; at < n;) {
				struct dirent64 *e = (void *)(buf + at);
				CHECK(e->d_reclen % 8 == 0 && e->d_reclen >= 20 + strlen(e->d_name) && at + e->d_reclen <= n);
				CHECK(e->d_type == types[counts[way]]);
				snprintf(all[way][counts[way]++], 64, "%.63s", e->d_name);
				at += e->d_reclen;
			}
		CHECK(n == 0 && close(fd) == 0);
	}
	/* The old getdents, whose type is in the last byte of the record. */
	char buf[8192];
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	long n;
	while ((n = syscall(SYS_getdents, fd, buf, sizeof buf)) > 0)
		for (long at = 0; at < n;) {
			struct linux_dirent *e = (void *)(buf + at);
			CHECK(e->d_reclen % 8 == 0 && at + e->d_reclen <= n);
			CHECK((unsigned char)buf[at + e->d_reclen - 1] == types[counts[3]]);
			snprintf(all[3][counts[3]++], 64, "%.63s", e->d_name);
			at += e->d_reclen;
		}
	CHECK(n == 0);
	for (int way = 0; way < 4; way++) {
		CHECK(counts[way] == counts[0]);
		for (int i = 0; i < counts[0]; i++)
			CHECK(strcmp(all[way][i], all[0][i]) == 0);
		order(way);
	}
	for (int i = 0; i < counts[0]; i++)
		printf("%s type %d\n", all[0][i], types[i]);
	CHECK(counts[0] == 2 + 15 + 3 + 7 - 1); /* dots, files, others, new; less the removed one */
	CHECK(fstat(fd, &st) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, 8, 1000), EFAULT);
	int file = open("prog", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, file, buf, sizeof buf), ENOTDIR);
	CHECK_ERR(syscall(SYS_getdents64, 99, buf, sizeof buf), EBADF);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 8), EINVAL);
	return 0;
}
