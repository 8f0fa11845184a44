// laplace: same
// Limits that a program sets for itself hold.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(void)
{
	/* Open files. */
	struct rlimit r = {16, 32}, old;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	int n = 0, last = -1, fd;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		n++, last = fd;
	if (errno != EMFILE || last != 15)
		FAIL("the last descriptor is %d", last);
	int p[2];
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(dup2(0, 16), EBADF);
	r.rlim_cur = 20;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(dup(0) == 16);
	r.rlim_max = 64;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM);
	r = (struct rlimit){33, 32};
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	printf("opened %d\n", n);
	for (fd = 3; fd < 17; fd++)
		close(fd);

	/* File size: the part that fits, then EFBIG with SIGXFSZ. */
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	r = (struct rlimit){4096, old.rlim_max};
	CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
	static char buf[8192];
	fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	CHECK(write(fd, buf, sizeof buf) == 4096);
	CHECK_ERR(write(fd, buf, 1), EFBIG);
	CHECK_ERR(ftruncate(fd, 4097), EFBIG);
	CHECK(pwrite(fd, buf, 10, 4090) == 6);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		r = (struct rlimit){0, 0};
		setrlimit(RLIMIT_CORE, &r);
		(void)!pwrite(fd, buf, 1, 4096);
		_exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);

	/* Inherited by a child, and through exec by what the shell says. */
	fflush(stdout);
	r = (struct rlimit){7, 7};
	CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(system("ulimit -n; ulimit -c") == 0);
	return 0;
}
