// laplace: same
// execveat and fexecve: relative to a directory, an empty path with AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW; a script has
// no name when its descriptor is close-on-exec.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char *const env0[] = {NULL};

static int run(int dirfd, const char *path, int flags, char *arg)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char *argv[] = {"prog", arg, NULL};
		syscall(SYS_execveat, dirfd, path, argv, env0, flags);
		printf("  %s\n", errname(errno));
		exit(111);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void script(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0755);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 1) {
		printf("executed: %s\n", argv[1]);
		return 7;
	}
	CHECK(mkdir("dir", 0755) == 0 && link("prog", "dir/linked") == 0);
	CHECK(symlink("linked", "dir/symlink") == 0);
	script("dir/script", "#!/bin/sh\necho \"script: ${0##*/} $1\"\nexit 8\n");
	int dir = open("dir", O_RDONLY | O_DIRECTORY);
	int path = open("dir/linked", O_PATH);
	int plain = open("dir/linked", O_RDONLY | O_CLOEXEC);
	CHECK(dir >= 0 && path >= 0 && plain >= 0);

	printf("relative: %d\n", run(dir, "linked", 0, "relative"));
	printf("dot dot: %d\n", run(dir, "../prog", 0, "dot dot"));
	printf("AT_FDCWD: %d\n", run(AT_FDCWD, "dir/linked", 0, "AT_FDCWD"));
	printf("absolute, bad descriptor: %d\n", run(-1, "/bin/true", 0, "absolute"));
	printf("symlink: %d\n", run(dir, "symlink", 0, "symlink"));
	printf("symlink, not followed: %d\n", run(dir, "symlink", AT_SYMLINK_NOFOLLOW, "x"));
	printf("file, not followed: %d\n", run(dir, "linked", AT_SYMLINK_NOFOLLOW, "not followed"));
	printf("O_PATH: %d\n", run(path, "", AT_EMPTY_PATH, "O_PATH"));
	printf("close-on-exec descriptor: %d\n", run(plain, "", AT_EMPTY_PATH, "close-on-exec"));
	printf("empty path: %d\n", run(path, "", 0, "x"));
	printf("file as a directory: %d\n", run(path, "x", 0, "x"));
	printf("bad descriptor: %d\n", run(-1, "linked", 0, "x"));
	printf("bad flags: %d\n", run(dir, "linked", 0x40000000, "x"));
	printf("directory: %d\n", run(dir, "", AT_EMPTY_PATH, "x"));

	printf("script: %d\n", run(dir, "script", 0, "by name"));
	int keep = open("dir/script", O_RDONLY), cloexec = open("dir/script", O_RDONLY | O_CLOEXEC);
	CHECK(keep >= 0 && cloexec >= 0);
	printf("script by a close-on-exec descriptor: %d\n", run(cloexec, "", AT_EMPTY_PATH, "x"));

	/* The interpreter gets /dev/fd/N, which it can open as long as N stays open. */
	CHECK(dup2(keep, 20) == 20);
	printf("script by descriptor: %d\n", run(20, "", AT_EMPTY_PATH, "by descriptor"));

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		fexecve(plain, (char *[]){"prog", "fexecve", NULL}, env0);
		_exit(111);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("fexecve: %d\n", WEXITSTATUS(status));
	return 0;
}
