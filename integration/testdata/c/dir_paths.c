// laplace: same
// Names of 255 bytes, paths of 4,095, and what is longer.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static char path[10000];

/* padded makes path lead to name, and be exactly length bytes long. */
static const char *padded(size_t length, const char *name)
{
	size_t n = length - strlen(name);
	for (size_t i = 0; i < n; i++)
		path[i] = i % 2 ? '/' : '.';
	if (n % 2) /* ends in "." : one more slash, which counts as one */
		path[n - 1] = '/';
	strcpy(path + n, name);
	return path;
}

int main(void)
{
	struct stat st;
	char name[300];
	memset(name, 'n', sizeof name);
	name[255] = 0;
	int fd = open(name, O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && close(fd) == 0 && stat(name, &st) == 0);
	DIR *d = opendir(".");
	int found = 0;
	for (struct dirent *e; (e = readdir(d));)
		found |= strcmp(e->d_name, name) == 0;
	CHECK(found && closedir(d) == 0);
	CHECK(unlink(name) == 0);
	name[255] = 'n', name[256] = 0;
	CHECK_ERR(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
	CHECK_ERR(stat(name, &st), ENAMETOOLONG);
	CHECK_ERR(mkdir(name, 0755), ENAMETOOLONG);
	CHECK_ERR(rename("prog", name), ENAMETOOLONG);

	for (size_t length = 4090; length <= 4095; length++) {
		CHECK(strlen(padded(length, "prog")) == length);
		CHECK(stat(path, &st) == 0 && access(path, X_OK) == 0);
		CHECK(strlen(padded(length, "file")) == length);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		CHECK(fd >= 0 && close(fd) == 0 && chmod(path, 0600) == 0 && utimensat(AT_FDCWD, path, NULL, 0) == 0);
		CHECK(truncate(path, 3) == 0 && link(path, "second") == 0 && unlink("second") == 0 && rename(path, "second") == 0);
		CHECK(unlink("second") == 0);
		padded(length, "dir");
		CHECK(mkdir(path, 0755) == 0 && chdir(path) == 0 && chdir("..") == 0 && rmdir(path) == 0);
	}
	for (size_t length = 4096; length <= 9000; length += 1226) {
		padded(length, "prog");
		CHECK_ERR(stat(path, &st), ENAMETOOLONG);
		CHECK_ERR(open(path, O_RDONLY), ENAMETOOLONG);
		CHECK_ERR(mkdir(path, 0755), ENAMETOOLONG);
		CHECK_ERR(unlink(path), ENAMETOOLONG);
		CHECK_ERR(rename(path, "x"), ENAMETOOLONG);
		CHECK_ERR(rename("prog", path), ENAMETOOLONG);
		CHECK_ERR(link(path, "x"), ENAMETOOLONG);
		CHECK_ERR(symlink(path, "x"), ENAMETOOLONG);
		CHECK_ERR(symlink("x", path), ENAMETOOLONG);
		CHECK_ERR(chdir(path), ENAMETOOLONG);
		CHECK_ERR(access(path, F_OK), ENAMETOOLONG);
		CHECK_ERR(execl(path, path, NULL), ENAMETOOLONG);
	}

	/* A tree deeper than any path: made and removed by steps. */
	memset(name, 'd', sizeof name);
	name[200] = 0;
	int depth = 0;
	for (; depth < 30; depth++)
		CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
	fd = open("deepest", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && stat("deepest", &st) == 0 && st.st_size == 1);
	char *cwd = getcwd(NULL, 0); /* the library walks up where the kernel gives up */
	printf("getcwd %s\n", cwd == NULL ? errname(errno) : strlen(cwd) > 30 * 201 ? "long" : "short");
	CHECK(unlink("deepest") == 0);
	for (; depth > 0; depth--)
		CHECK(chdir("..") == 0 && rmdir(name) == 0);
	CHECK(stat("prog", &st) == 0);
	printf("done\n");
	return 0;
}
