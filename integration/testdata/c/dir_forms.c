// laplace: same
// Every call that takes a path, with every form of path: trailing slashes, "." and "..", links as last and as other parts.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char *const forms[] = {
	"file", "file/", "file/.", "file/x", "dir", "dir/", "dir//", "dir/.", "dir/..", "dir/./", "dir/in", "dir/in/", "sym", "sym/",
	"dangling", "dangling/", "dirsym", "dirsym/", "dirsym/.", "dirsym/..", "dirsym/in", "dirsym/new", "dirsym/../file", "loop", "loop/",
	"absent", "absent/", "absent/.", "absent/..", "absent/x", "", ".", "./", "..", "../", "dir/../new", "dir/../dir/in",
	"./file", ".//file", "empty", "empty/", "emptysym/", "empty/..", "fifo", "fifo/",
};

static int op(int i, const char *p)
{
	char buf[64];
	struct stat st;
	switch (i) {
	case 0: return mkdir(p, 0755);
	case 1: return rmdir(p);
	case 2: return unlink(p);
	case 3: return rename(p, "renamed");
	case 4: return rename("file", p);
	case 5: return rename("empty", p);
	case 6: return link(p, "linked");
	case 7: return link("file", p);
	case 8: return symlink("target", p);
	case 9: return mknod(p, S_IFREG | 0644, 0);
	case 10: return chmod(p, 0755);
	case 11: return utimensat(AT_FDCWD, p, NULL, 0);
	case 12: return utimensat(AT_FDCWD, p, NULL, AT_SYMLINK_NOFOLLOW);
	case 13: return chown(p, getuid(), getgid());
	case 14: return lchown(p, getuid(), getgid());
	case 15: return truncate(p, 1);
	case 16: return setxattr(p, "user.x", "x", 1, 0);
	case 17: return lsetxattr(p, "user.x", "x", 1, 0);
	case 18: return setxattr(p, "trusted.x", "x", 1, 0);
	case 19: return getxattr(p, "trusted.x", buf, sizeof buf);
	case 20: return lgetxattr(p, "user.none", buf, sizeof buf);
	case 21: return listxattr(p, buf, 0) < 0 ? -1 : 0;
	case 22: return llistxattr(p, buf, 0) < 0 ? -1 : 0;
	case 23: return removexattr(p, "user.none");
	case 24: return stat(p, &st);
	case 25: return lstat(p, &st);
	case 26: return access(p, W_OK);
	case 27: return readlink(p, buf, sizeof buf) < 0 ? -1 : 0;
	case 28: return open(p, O_RDONLY | O_NONBLOCK);
	case 29: return open(p, O_RDWR | O_NONBLOCK);
	case 30: return open(p, O_WRONLY | O_CREAT | O_NONBLOCK, 0644);
	case 31: return open(p, O_WRONLY | O_CREAT | O_EXCL, 0644);
	case 32: return open(p, O_RDONLY | O_DIRECTORY);
	case 33: return open(p, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
	case 34: return chdir(p);
	case 35: return renameat2(AT_FDCWD, p, AT_FDCWD, "file", RENAME_EXCHANGE);
	case 36: return renameat2(AT_FDCWD, p, AT_FDCWD, "dir", RENAME_NOREPLACE);
	case 37: return linkat(AT_FDCWD, p, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW);
	case 38: return getxattr(p, "security.none", buf, sizeof buf);
	case 39: return setxattr(p, "nonsense", "x", 1, 0);
	}
	return -2;
}

static void fresh(const char *name)
{
	int fd;
	CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
	CHECK((fd = open("file", O_WRONLY | O_CREAT, 0644)) >= 0 && write(fd, "text", 4) == 4 && close(fd) == 0);
	CHECK(mkdir("dir", 0755) == 0 && mkdir("empty", 0755) == 0 && mknod("dir/in", S_IFREG | 0644, 0) == 0);
	CHECK(symlink("file", "sym") == 0 && symlink("nowhere", "dangling") == 0 && symlink("dir", "dirsym") == 0);
	CHECK(symlink("loop", "loop") == 0 && symlink("empty", "emptysym") == 0 && mkfifo("fifo", 0644) == 0);
}

int main(void)
{
	char name[32];
	int top = open(".", O_RDONLY | O_DIRECTORY), count = 0, used = 1;
	for (int i = 0; i < 40; i++) {
		printf("%d:", i);
		for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
			CHECK(fchdir(top) == 0);
			count += used;
			snprintf(name, sizeof name, "t%d", count);
			if (used)
				fresh(name);
			else
				CHECK(chdir(name) == 0);
			errno = 0;
			int r = op(i, forms[f]);
			printf(" %s", r < 0 ? errname(errno) : "ok");
			used = r >= 0 && (i < 18 || i > 28); /* it may have changed something */
			if (r > 2)
				close(r);
		}
		printf("\n");
	}
	return 0;
}
