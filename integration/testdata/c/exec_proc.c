// laplace: same
// What /proc shows of an executed program: its name, arguments, environment, executable and directory.
#include "check.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void show(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, sizeof buf);
	CHECK(n >= 0);
	printf("%s: ", path);
	for (ssize_t i = 0; i < n; i++)
		putchar(buf[i] == 0 ? '|' : buf[i] == '\n' ? '$' : buf[i]);
	printf("\n");
	close(fd);
}

static void link_name(const char *path)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof buf - 1);
	CHECK(n > 0);
	buf[n] = 0;
	printf("%s: %s\n", path, strrchr(buf, '/'));
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 1) {
		show("/proc/self/comm");
		show("/proc/self/cmdline");
		show("/proc/self/environ");
		link_name("/proc/self/exe");
		link_name("/proc/self/cwd");
		char name[16];
		CHECK(prctl(PR_SET_NAME, "renamed by prctl") == 0);
		CHECK(prctl(PR_GET_NAME, name) == 0);
		printf("PR_GET_NAME: %s\n", name);
		show("/proc/self/comm");
		return 0;
	}
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(link("prog", "a-name-longer-than-fifteen") == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(chdir("dir") == 0);
		execle("../a-name-longer-than-fifteen", "zero", "one", "", "three", NULL, (char *[]){"A=1", "B=2", NULL});
		FAIL("execle");
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
