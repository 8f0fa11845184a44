// laplace: same
// Symbolic and hard links: making, reading, following, and the errnos (ELOOP among them).
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void target(const char *path, const char *want)
{
	char buf[4096];
	struct stat st;
	ssize_t n = readlink(path, buf, sizeof buf);
	CHECK(n == (ssize_t)strlen(want) && memcmp(buf, want, n) == 0);
	CHECK(lstat(path, &st) == 0 && st.st_size == n && S_ISLNK(st.st_mode));
	printf("%s -> %.*s\n", path, (int)n, buf);
}

int main(void)
{
	char buf[5000];
	struct stat st, other;
	target("link", "file");
	target("dangling", "nowhere");
	CHECK(symlink("file", "new") == 0 && symlink("/absolute/path", "abs") == 0 && symlinkat("../x", AT_FDCWD, "dir/up") == 0);
	target("new", "file");
	target("abs", "/absolute/path");
	target("dir/up", "../x");
	CHECK(readlink("link", buf, 2) == 2 && memcmp(buf, "fi", 2) == 0);
	CHECK_ERR(readlink("link", buf, 0), EINVAL);
	CHECK_ERR(readlink("file", buf, 10), EINVAL);
	CHECK_ERR(readlink("dir", buf, 10), EINVAL);
	CHECK_ERR(readlink("absent", buf, 10), ENOENT);
	CHECK_ERR(readlink("file/x", buf, 10), ENOTDIR);
	CHECK_ERR(readlink("", buf, 10), ENOENT);
	CHECK_ERR(syscall(SYS_readlink, "link", 8, 10), EFAULT);
	int fd = open("link", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0 && readlinkat(fd, "", buf, sizeof buf) == 4 && memcmp(buf, "file", 4) == 0);
	CHECK_ERR(symlink("x", "link"), EEXIST);
	CHECK_ERR(symlink("x", "dangling"), EEXIST);
	CHECK_ERR(symlink("x", "dir"), EEXIST);
	CHECK_ERR(symlink("x", "absent/y"), ENOENT);
	CHECK_ERR(symlink("", "empty"), ENOENT);
	memset(buf, 't', sizeof buf);
	buf[4095] = 0;
	CHECK(symlink(buf, "long") == 0 && readlink("long", buf, sizeof buf) == 4095);
	buf[4095] = 't', buf[4096] = 0;
	CHECK_ERR(symlink(buf, "longer"), ENAMETOOLONG);

	/* Loops and long chains: 40 links may be followed. */
	CHECK_ERR(open("loop1", O_RDONLY), ELOOP);
	CHECK_ERR(stat("self", &st), ELOOP);
	CHECK_ERR(open("self/x", O_RDONLY), ELOOP);
	CHECK_ERR(chdir("loop2"), ELOOP);
	CHECK_ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	for (int i = 1; i <= 41; i++) {
		char from[16], to[16];
		snprintf(to, sizeof to, "chain%d", i - 1);
		snprintf(from, sizeof from, "chain%d", i);
		CHECK(symlink(i == 1 ? "file" : to, from) == 0);
	}
	CHECK(stat("chain40", &st) == 0);
	CHECK_ERR(stat("chain41", &st), ELOOP);
	CHECK(lstat("chain41", &st) == 0);

	/* Through links. */
	CHECK(stat("dirlink/inner", &st) == 0 && stat("dirlink/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(lstat("dirlink/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK_ERR(stat("link/", &st), ENOTDIR);
	fd = open("dangling", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "made through a link\n", 20) == 20 && close(fd) == 0);
	CHECK(stat("nowhere", &st) == 0 && st.st_size == 20);
	CHECK(unlink("nowhere") == 0);
	CHECK_ERR(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);

	/* Hard links. */
	CHECK(link("file", "hard") == 0 && stat("file", &st) == 0 && stat("hard", &other) == 0);
	CHECK(st.st_ino == other.st_ino && st.st_nlink == 2);
	CHECK(link("link", "hardsym") == 0 && lstat("hardsym", &st) == 0 && S_ISLNK(st.st_mode)); /* not followed */
	CHECK(linkat(AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW) == 0);
	CHECK(lstat("followed", &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 3);
	CHECK_ERR(link("dir", "dir2"), EPERM);
	CHECK_ERR(link("file", "dir"), EEXIST);
	CHECK_ERR(link("file", "file"), EEXIST);
	CHECK_ERR(link("absent", "x"), ENOENT);
	CHECK_ERR(link("file", "absent/x"), ENOENT);
	CHECK_ERR(linkat(AT_FDCWD, "file", AT_FDCWD, "x", 0x8), EINVAL);
	CHECK_ERR(link("file", "/tmp"), EEXIST);
	CHECK_ERR(link("/proc/self/status", "x"), EXDEV);
	printf("done\n");
	return 0;
}
