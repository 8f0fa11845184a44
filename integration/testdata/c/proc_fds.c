// laplace: same
// /proc/self/fd: which descriptors there are and what they name, through renames and removals.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static char base[4096];

/* name is what a descriptor's link says, relative to the directory of the program. */
static const char *name(int fd)
{
	static char buf[4200];
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, buf, sizeof buf - 1);
	if (n < 0)
		FAIL("readlink %s", path);
	buf[n] = 0;
	size_t l = strlen(base);
	return strncmp(buf, base, l) == 0 && buf[l] == '/' ? buf + l + 1 : buf;
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void list(void)
{
	int all[64], n = 0;
	DIR *d = opendir("/proc/self/fd");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.') {
			CHECK(e->d_type == DT_LNK);
			if (atoi(e->d_name) != dirfd(d))
				all[n++] = atoi(e->d_name);
		}
	CHECK(closedir(d) == 0);
	qsort(all, n, sizeof *all, compare);
	printf("open:");
	for (int i = 0; i < n; i++)
		printf(" %d", all[i]);
	printf("\n");
}

int main(void)
{
	struct stat st;
	int p[2];
	CHECK(getcwd(base, sizeof base) != NULL);
	list();
	int file = open("file", O_RDONLY), dir = open("dir", O_RDONLY), fifo = open("fifo", O_RDWR), null = open("/dev/null", O_RDWR);
	int path = open("file", O_PATH), new = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(pipe(p) == 0);
	list();
	printf("%s\n%s\n%s\n%s\n%s\n%s\n", name(0), name(file), name(dir), name(fifo), name(null), name(path));
	CHECK(rename("file", "renamed") == 0);
	printf("%s\n", name(file));
	CHECK(mkdir("sub", 0755) == 0 && rename("renamed", "sub/moved") == 0);
	printf("%s\n", name(file));
	CHECK(rename("sub", "other") == 0);
	printf("%s\n", name(file));
	CHECK(unlink("other/moved") == 0 && unlink("new") == 0 && rmdir("dir") == 0);
	printf("%s\n%s\n%s\n", name(file), name(new), name(dir));
	/* Pipes are named by their inode numbers, the ones that fstat tells. */
	char want[64];
	CHECK(fstat(p[0], &st) == 0);
	snprintf(want, sizeof want, "pipe:[%lu]", st.st_ino);
	CHECK(strcmp(name(p[0]), want) == 0 && strcmp(name(p[1]), want) == 0);
	CHECK(fstat(1, &st) == 0 && S_ISFIFO(st.st_mode));
	snprintf(want, sizeof want, "pipe:[%lu]", st.st_ino);
	CHECK(strcmp(name(1), want) == 0);
	/* A link leads to the file even after its name is gone. */
	CHECK(write(new, "hello", 5) == 5);
	snprintf(want, sizeof want, "/proc/self/fd/%d", new);
	int again = open(want, O_RDONLY);
	char buf[8];
	CHECK(again >= 0 && read(again, buf, 8) == 5);
	CHECK(stat(want, &st) == 0 && st.st_nlink == 0 && st.st_size == 5);
	CHECK(lstat(want, &st) == 0 && S_ISLNK(st.st_mode) && (st.st_mode & 0777) == 0700);
	int hidden = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(hidden >= 0 && strstr(name(hidden), " (deleted)") != NULL);
	CHECK(readlink("/proc/self/fd/99", buf, 8) == -1 && errno == ENOENT);
	CHECK_ERR(unlink("/proc/self/fd/0"), EPERM);
	/* fdinfo */
	CHECK(lseek(null, 0, SEEK_SET) == 0 && lseek(new, 3, SEEK_SET) == 3);
	snprintf(want, sizeof want, "/proc/self/fdinfo/%d", new);
	FILE *f = fopen(want, "r");
	char line[256];
	long pos = -1;
	unsigned flags = 0;
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f)) {
		sscanf(line, "pos: %ld", &pos);
		sscanf(line, "flags: %o", &flags);
	}
	CHECK(pos == 3 && (flags & O_ACCMODE) == O_RDWR && fclose(f) == 0);
	return 0;
}
