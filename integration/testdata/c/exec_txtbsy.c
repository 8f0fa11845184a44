// laplace: same
// ETXTBSY both ways: a file open for writing is not executed, a running executable is not opened for writing.
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

static void copy(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof buf)) > 0)
		CHECK(write(out, buf, n) == n);
	CHECK(close(in) == 0 && close(out) == 0);
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 1) {
		/* The copy, running: say so, and stay until told. */
		char c;
		CHECK(write(1, "r", 1) == 1);
		return read(0, &c, 1) == 1 ? 5 : 6;
	}
	copy("/proc/self/exe", "copy");

	int fd = open("copy", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_ERR(execl("./copy", "copy", "run", NULL), ETXTBSY);
	CHECK(close(fd) == 0);
	printf("open for writing: not executed\n");

	int up[2], down[2];
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(down[0], 0);
		dup2(up[1], 1);
		execl("./copy", "copy", "run", NULL);
		_exit(127);
	}
	char c;
	CHECK(read(up[0], &c, 1) == 1 && c == 'r');
	CHECK_ERR(open("copy", O_WRONLY), ETXTBSY);
	CHECK_ERR(open("copy", O_RDWR), ETXTBSY);
	CHECK_ERR(open("copy", O_WRONLY | O_TRUNC), ETXTBSY);
	CHECK_ERR(truncate("copy", 0), ETXTBSY);
	fd = open("copy", O_RDONLY);
	CHECK(fd >= 0 && close(fd) == 0);
	/* Replacing the name is fine: that is how programs are updated. */
	copy("copy", "new");
	CHECK(rename("new", "copy") == 0);
	fd = open("copy", O_WRONLY);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(write(down[1], "x", 1) == 1);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	printf("running: not written, exited %d\n", WEXITSTATUS(status));
	CHECK(unlink("copy") == 0);
	return 0;
}
