// laplace: same
// RLIMIT_NOFILE: EMFILE exactly at the limit, from every call that makes descriptors; nothing leaks on the way.
#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	struct rlimit l = {64, 64};
	CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0);
	int p[2], opened = 0, last = -1, fd;
	while ((fd = open("/dev/null", O_RDWR)) >= 0) {
		opened++;
		last = fd;
	}
	if (errno != EMFILE)
		FAIL("open");
	printf("opened %d, last %d\n", opened, last);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_ERR(fcntl(0, F_DUPFD, 3), EMFILE);
	CHECK_ERR(fcntl(0, F_DUPFD, 64), EINVAL);
	CHECK_ERR(dup2(0, 64), EBADF);
	CHECK(close(63) == 0);
	CHECK_ERR(pipe(p), EMFILE); /* room for one end is not enough */
	CHECK(open("/dev/null", O_RDWR) == 63); /* and that end was given back */
	CHECK(close(62) == 0 && close(63) == 0 && pipe(p) == 0);
	CHECK(p[0] == 62 && p[1] == 63);
	CHECK(dup2(0, 5) == 5);

	/* A child inherits the table and the limit. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_ERR(dup(0), EMFILE);
		close(20);
		_exit(dup(0) == 20 ? 5 : 6);
	}
	int s;
	CHECK(waitpid(pid, &s, 0) == pid);
	printf("child: exited %d\n", WEXITSTATUS(s));
	l.rlim_cur = 10;
	CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0);
	CHECK(write(63, "x", 1) == 1); /* what is open stays open */
	l.rlim_max = 65;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &l), EPERM);
	CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
	printf("limit %ld %ld\n", (long)l.rlim_cur, (long)l.rlim_max);
	return 0;
}
