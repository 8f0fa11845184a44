// laplace: same
// flock: shared and exclusive, conversion, LOCK_NB, what dup, fork, close and exit do to a lock.
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static int again(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	return fd;
}

int main(void)
{
	setlinebuf(stdout);
	int a = again(), b = again(), s;

	/* Two descriptions of one process exclude each other. */
	CHECK(flock(a, LOCK_EX) == 0);
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
	CHECK(flock(a, LOCK_EX) == 0); /* again: nothing changes */
	CHECK(flock(a, LOCK_SH) == 0);
	CHECK(flock(b, LOCK_SH | LOCK_NB) == 0);
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EAGAIN);
	/* A conversion that fails loses the old lock: that is Linux. */
	CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
	CHECK(flock(b, LOCK_UN) == 0 && flock(b, LOCK_UN) == 0);
	printf("shared and exclusive\n");

	CHECK_ERR(flock(a, 0), EINVAL);
	CHECK_ERR(flock(a, LOCK_EX | LOCK_SH), EINVAL);
	CHECK_ERR(flock(99, LOCK_EX), EBADF);
	int path = open("file", O_PATH);
	CHECK(path >= 0);
	CHECK_ERR(flock(path, LOCK_SH), EBADF);
	printf("errors as documented\n");

	/* dup shares the lock; it is gone with the last descriptor, or by an explicit unlock through any. */
	int c = dup(a);
	CHECK(c >= 0 && flock(a, LOCK_EX) == 0 && flock(c, LOCK_EX | LOCK_NB) == 0);
	CHECK(close(a) == 0);
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	CHECK(close(c) == 0);
	CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
	printf("dup\n");

	/* A child shares it as well; its exit alone does not release it, its LOCK_UN does. */
	a = again();
	for (int unlock = 0; unlock < 2; unlock++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
			int own = again();
			CHECK_ERR(flock(own, LOCK_EX | LOCK_NB), EAGAIN);
			if (unlock)
				CHECK(flock(b, LOCK_UN) == 0);
			_exit(0);
		}
		CHECK(waitpid(pid, &s, 0) == pid && s == 0);
		errno = 0;
		int r = flock(a, LOCK_EX | LOCK_NB);
		printf("child %s: %d %s\n", unlock ? "unlocked" : "exited", r, errname(errno));
	}
	CHECK(flock(a, LOCK_UN) == 0);

	/* The death of the only holder releases. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int own = again();
		CHECK(flock(own, LOCK_EX) == 0);
		kill(getpid(), 9);
	}
	CHECK(waitpid(pid, &s, 0) == pid && WTERMSIG(s) == 9);
	CHECK(flock(a, LOCK_EX | LOCK_NB) == 0);
	printf("death\n");

	/* exec keeps it, close-on-exec releases it; flock and fcntl locks do not see each other. */
	CHECK(flock(a, LOCK_UN) == 0);
	int up[2], down[2];
	CHECK(pipe2(up, O_CLOEXEC) == 0 && pipe2(down, O_CLOEXEC) == 0);
	for (int cloexec = 0; cloexec < 2; cloexec++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int own = again();
			CHECK(flock(own, LOCK_EX) == 0 && fcntl(own, F_SETFD, cloexec ? FD_CLOEXEC : 0) == 0);
			dup2(down[0], 0);
			dup2(up[1], 1);
			execl("/bin/sh", "sh", "-c", "echo; read x", NULL);
			_exit(127);
		}
		char ch;
		CHECK(read(up[0], &ch, 1) == 1);
		errno = 0;
		int r = flock(a, LOCK_SH | LOCK_NB);
		printf("exec%s: %d %s\n", cloexec ? ", close-on-exec" : "", r, errname(errno));
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		CHECK(fcntl(a, F_SETLK, &l) == 0);
		CHECK(write(down[1], "\n", 1) == 1);
		CHECK(waitpid(pid, &s, 0) == pid && s == 0);
		CHECK(flock(a, LOCK_UN) == 0);
	}
	return 0;
}
