// laplace: same
// mkdir, rmdir and unlink: what they do, and the errno of everything that they do not.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void list(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		n++;
	CHECK(closedir(d) == 0);
	printf("%s holds %d names\n", path, n - 2);
}

int main(void)
{
	struct stat st;
	char buf[4096];
	CHECK_ERR(mkdir("full", 0755), EEXIST);
	CHECK_ERR(mkdir("file", 0755), EEXIST);
	CHECK_ERR(mkdir("link", 0755), EEXIST);
	CHECK_ERR(mkdir("dangling", 0755), EEXIST);
	CHECK_ERR(mkdir(".", 0755), EEXIST);
	CHECK_ERR(mkdir("/", 0755), EEXIST);
	CHECK_ERR(mkdir("absent/x", 0755), ENOENT);
	CHECK_ERR(mkdir("file/x", 0755), ENOTDIR);
	CHECK_ERR(mkdir("", 0755), ENOENT);
	CHECK_ERR(syscall(SYS_mkdir, 8, 0755), EFAULT);
	CHECK(mkdir("made/", 0700) == 0 && mkdirat(AT_FDCWD, "made/two", 0700) == 0);
	CHECK_ERR(rmdir("full"), ENOTEMPTY);
	CHECK_ERR(rmdir("made"), ENOTEMPTY);
	CHECK_ERR(rmdir("file"), ENOTDIR);
	CHECK_ERR(rmdir("link"), ENOTDIR);
	CHECK_ERR(rmdir("absent"), ENOENT);
	CHECK_ERR(rmdir("empty/."), EINVAL);
	CHECK_ERR(rmdir("empty/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("/"), EBUSY);
	CHECK_ERR(unlink("full"), EISDIR);
	CHECK_ERR(unlink("file/"), ENOTDIR);
	CHECK_ERR(unlink("full/x/"), ENOTDIR);
	CHECK_ERR(unlink("absent"), ENOENT);
	CHECK_ERR(unlink("file/x"), ENOTDIR);
	CHECK_ERR(unlink(""), ENOENT);
	CHECK_ERR(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "empty", 0), EISDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "empty", 1), EINVAL);
	CHECK_ERR(unlinkat(99, "x", 0), EBADF);
	CHECK(rmdir("made/two") == 0 && rmdir("made/") == 0);
	CHECK_ERR(stat("made", &st), ENOENT);
	CHECK(unlink("link") == 0 && stat("full", &st) == 0 && unlink("dangling") == 0);

	/* What was there before: removed, made again, and then empty. */
	CHECK(unlink("full/x") == 0 && rmdir("full") == 0);
	CHECK_ERR(stat("full/x", &st), ENOENT);
	CHECK(mkdir("full", 0755) == 0);
	list("full");
	CHECK_ERR(stat("full/x", &st), ENOENT);
	CHECK(unlink("file") == 0 && mkdir("file", 0755) == 0);
	list("file");
	CHECK(rmdir("empty") == 0);
	int fd = open("empty", O_WRONLY | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0 && write(fd, "a file now\n", 11) == 11 && close(fd) == 0);
	CHECK(unlink("deep/a/b/c") == 0 && rmdir("deep/a/b") == 0 && unlink("deep/a/f") == 0 && rmdir("deep/a") == 0);
	list("deep");
	CHECK(mkdir("deep/a", 0755) == 0 && mkdir("deep/a/b", 0755) == 0);
	list("deep/a");
	list("deep/a/b");
	CHECK(mknod("deep/a/b/new", S_IFREG | 0644, 0) == 0);

	/* A working directory that is removed. */
	CHECK(chdir("gone") == 0 && rmdir("../gone") == 0);
	CHECK(getcwd(buf, sizeof buf) == NULL && errno == ENOENT);
	CHECK_ERR(open("x", O_WRONLY | O_CREAT, 0644), ENOENT);
	CHECK_ERR(mkdir("x", 0755), ENOENT);
	CHECK(stat(".", &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 0);
	CHECK_ERR(stat("x", &st), ENOENT);
	/* Its way up still leads where it led. */
	CHECK(chdir("..") == 0 && stat("prog", &st) == 0);
	/* An open directory without a name takes no more names. */
	CHECK(mkdir("held", 0755) == 0 && (fd = open("held", O_RDONLY | O_DIRECTORY)) >= 0 && rmdir("held") == 0);
	CHECK_ERR(openat(fd, "x", O_WRONLY | O_CREAT, 0644), ENOENT);
	CHECK_ERR(mkdirat(fd, "x", 0755), ENOENT);
	printf("done\n");
	return 0;
}
