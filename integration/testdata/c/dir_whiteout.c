// laplace: same
// Removed and replaced names: gone from every view, whatever takes their place.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static void list(const char *path)
{
	char names[64][64];
	int n = 0;
	DIR *d = opendir(path);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, "prog") != 0) {
			CHECK(e->d_type != DT_CHR);
			snprintf(names[n++], 64, "%.63s", e->d_name);
		}
	CHECK(closedir(d) == 0);
	qsort(names, n, sizeof *names, compare);
	printf("%s:", path);
	for (int i = 0; i < n; i++)
		printf(" %s", names[i]);
	printf("\n");
	/* How the box keeps the difference is not to be seen. */
	char attrs[1000];
	ssize_t m = listxattr(path, attrs, sizeof attrs);
	for (char *p = attrs; m > 0 && p < attrs + m; p += strlen(p) + 1)
		CHECK(strstr(p, "overlay") == NULL);
}

int main(void)
{
	struct stat st;
	CHECK(unlink("h") == 0);
	list(".");
	CHECK_ERR(stat("h", &st), ENOENT);
	CHECK_ERR(stat("l", &st), ENOENT);
	CHECK_ERR(open("h", O_RDONLY), ENOENT);
	CHECK(mkdir("h", 0755) == 0);
	list("h");
	CHECK(unlink("d/g") == 0 && unlink("d/e/f") == 0);
	list("d");
	list("d/e");
	CHECK(rmdir("d/e") == 0);
	list("d");
	CHECK(symlink("target", "d/e") == 0);
	list("d");
	CHECK(unlink("d/e") == 0 && rmdir("d") == 0);
	list(".");
	CHECK(mkdir("d", 0700) == 0);
	list("d");
	CHECK(mkdir("d/e", 0700) == 0);
	list("d/e");
	CHECK(mknod("d/e/f", S_IFREG | 0600, 0) == 0 && stat("d/e/f", &st) == 0 && st.st_size == 0);
	CHECK(rename("d/e/f", "l") == 0);
	list(".");
	list("d/e");
	CHECK(rmdir("h") == 0);
	list(".");
	return 0;
}
