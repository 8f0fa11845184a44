// laplace: pinned flags="--ro shared" refused=execve!
// Of the host's files a box may use what everybody may, whoever runs it: its owner can do more natively.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static const char *result(long r) { return r < 0 ? errname(errno) : "ok"; }

static const char *const paths[] = {
	"shared", "shared/open", "shared/open/all", "shared/open/mine", "shared/open/run", "shared/open/runmine",
	"shared/open/unreadable", "shared/open/into", "shared/open/none", "shared/open/all/none", "shared/private",
	"shared/private/all", "shared/private/none", "shared/private/all/none", "shared/private/none/none",
	"shared/private/run", "shared/private/out", "shared/private/sub", "shared/private/sub/all",
	"shared/private/sub/outdir/all", "shared/private/../open/all", "shared/private/..", "shared/secretive",
	"shared/secretive/all", "shared/secretive/none", "shared/listed", "shared/listed/all", "into", "through",
};

/* run is the errno of an exec, or the exit status. */
static const char *run(const char *path)
{
	static char text[20];
	int status;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(open("/dev/null", O_WRONLY), 1);
		execl(path, path, (char *)0);
		_exit(errno);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 0)
		return "ran";
	snprintf(text, sizeof text, "%s", errname(WEXITSTATUS(status)));
	return text;
}

static int opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd;
}

static int entered(const char *path, int here)
{
	int r = chdir(path), e = errno;
	CHECK(fchdir(here) == 0);
	errno = e;
	return r;
}

/* entered_fd enters a directory by a descriptor that may always be had. */
static int entered_fd(const char *path, int here)
{
	int fd = open(path, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return -1;
	int r = fchdir(fd), e = errno;
	CHECK(fchdir(here) == 0);
	close(fd);
	errno = e;
	return r;
}

static void look(const char *name, const char *path, int here)
{
	struct stat st;
	struct statx stx;
	struct statfs fs;
	char buf[100];
	struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	printf("%s:", name);
	printf(" stat %s", result(stat(path, &st)));
	printf(" lstat %s", result(lstat(path, &st)));
	printf(" statx %s", result(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx)));
	printf(" F_OK %s", result(access(path, F_OK)));
	printf(" R_OK %s", result(faccessat(AT_FDCWD, path, R_OK, 0)));
	printf(" X_OK %s", result(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS)));
	printf(" W_OK %s", result(access(path, W_OK)));
	printf(" open %s", result(opened(open(path, O_RDONLY))));
	printf(" O_PATH %s", result(opened(open(path, O_PATH))));
	printf(" O_DIRECTORY %s", result(opened(open(path, O_RDONLY | O_DIRECTORY))));
	printf(" O_NOFOLLOW %s", result(opened(open(path, O_RDONLY | O_NOFOLLOW))));
	printf(" O_EXCL %s", result(opened(open(path, O_RDWR | O_CREAT | O_EXCL, 0600))));
	printf(" O_RDWR %s", result(opened(open(path, O_RDWR))));
	struct { uint64_t flags, mode, resolve; } how = {O_RDONLY, 0, 0};
	printf(" openat2 %s", result(opened(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how))));
	printf(" readlink %s", result(readlink(path, buf, sizeof buf)));
	printf(" statfs %s", result(statfs(path, &fs)));
	printf(" getxattr %s", result(getxattr(path, "user.none", buf, sizeof buf)));
	printf(" lgetxattr %s", result(lgetxattr(path, "security.none", buf, sizeof buf)));
	printf(" listxattr %s", result(listxattr(path, buf, sizeof buf)));
	printf(" chdir %s", result(entered(path, here)));
	printf(" fchdir %s", result(entered_fd(path, here)));
	printf(" chmod %s", result(chmod(path, 0777)));
	printf(" truncate %s", result(truncate(path, 0)));
	printf(" utimensat %s", result(utimensat(AT_FDCWD, path, now, 0)));
	printf(" mkdir %s", result(mkdir(path, 0777)));
	printf(" rmdir %s", result(rmdir(path)));
	int moved = rename(path, "elsewhere");
	printf(" rename %s", result(moved));
	if (moved == 0)
		CHECK(rename("elsewhere", path) == 0);
	printf(" link %s", result(linkat(AT_FDCWD, path, here, "elsewhere", AT_SYMLINK_FOLLOW)));
	printf(" exec %s\n", run(path));
}

int main(void)
{
	struct stat st;
	char cwd[2000], path[3000];
	if (!boxed())
		return 0; /* its owner changes it */
	int here = open(".", O_RDONLY);
	CHECK(getcwd(cwd, sizeof cwd));
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		look(paths[i], paths[i], here);
		if (strchr(paths[i], '/')) {
			snprintf(path, sizeof path, "%s/%s", cwd, paths[i]);
			look("absolute", path, here);
			CHECK(chdir("shared") == 0);
			int inside = open(".", O_RDONLY);
			look("inside", strchr(paths[i], '/') + 1, inside);
			close(inside);
			CHECK(fchdir(here) == 0);
		}
	}
	CHECK(stat("shared/open/mine", &st) == 0 && st.st_size == 8 && (st.st_mode & 07777) == 0600 && st.st_uid == 0);
	CHECK_ERR(open("shared/open/mine", O_RDONLY), EACCES);
	CHECK_ERR(open("shared/private/all", O_RDONLY), EACCES);
	CHECK_ERR(open("into", O_RDONLY), EACCES);
	CHECK_ERR(open("shared/secretive", O_RDONLY), EACCES);
	CHECK(open("shared/secretive/all", O_RDONLY) >= 0);
	CHECK_ERR(stat("shared/private/none", &st), EACCES);
	CHECK_ERR(stat("shared/listed/all", &st), EACCES);
	CHECK(chdir("shared/open") == 0 && open("all", O_RDONLY) >= 0);
	CHECK_ERR(open("mine", O_RDONLY), EACCES);
	CHECK_ERR(stat("../private/all", &st), EACCES);
	return 0;
}
