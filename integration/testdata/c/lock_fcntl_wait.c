// laplace: same
// F_SETLKW: blocks until the range is free, however it becomes free; EDEADLK; a counter under the lock.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static int fd;

static int set(int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	return fcntl(fd, cmd, &l);
}

int main(void)
{
	setlinebuf(stdout);
	fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	int ready[2], go[2], s;
	char c;
	CHECK(pipe(ready) == 0);

	const char *how[] = {"unlocks", "shrinks", "downgrades", "closes", "exits", "is killed"};
	for (int i = 0; i < 6; i++) {
		CHECK(pipe(go) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(go[1]);
			CHECK(set(F_SETLK, F_WRLCK, 0, 10) == 0);
			CHECK(write(ready[1], "r", 1) == 1);
			CHECK(read(go[0], &c, 1) == 1);
			usleep(3000);
			CHECK(write(ready[1], "x", 1) == 1);
			switch (i) {
			case 0: set(F_SETLK, F_UNLCK, 0, 0); break;
			case 1: set(F_SETLK, F_UNLCK, 4, 6); break;
			case 2: set(F_SETLK, F_RDLCK, 0, 10); break;
			case 3: close(fd); break;
			case 4: _exit(0);
			case 5: kill(getpid(), SIGKILL);
			}
			_exit(read(go[0], &c, 1)); /* stays until the parent has closed its end */
		}
		close(go[0]);
		CHECK(read(ready[0], &c, 1) == 1 && c == 'r');
		CHECK_ERR(set(F_SETLK, F_RDLCK, 5, 1), EAGAIN);
		CHECK(write(go[1], "g", 1) == 1);
		CHECK(set(F_SETLKW, F_RDLCK, 5, 1) == 0);
		CHECK(fcntl(ready[0], F_SETFL, O_NONBLOCK) == 0);
		CHECK(read(ready[0], &c, 1) == 1 && c == 'x');
		CHECK(fcntl(ready[0], F_SETFL, 0) == 0);
		close(go[1]);
		CHECK(waitpid(pid, &s, 0) == pid);
		CHECK(set(F_SETLK, F_UNLCK, 0, 0) == 0);
		printf("holder %s\n", how[i]);
	}

	/* A circle of two: whoever closes it is told, the other gets its lock once that one lets go. */
	CHECK(set(F_SETLK, F_WRLCK, 0, 1) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(set(F_SETLK, F_WRLCK, 1, 1) == 0);
		CHECK(write(ready[1], "r", 1) == 1);
		errno = 0;
		int r = set(F_SETLKW, F_WRLCK, 0, 1);
		int e = errno;
		CHECK(set(F_SETLK, F_UNLCK, 1, 1) == 0);
		_exit(r == 0 ? 1 : e == EDEADLK ? 2 : 3);
	}
	CHECK(read(ready[0], &c, 1) == 1 && c == 'r');
	errno = 0;
	int r = set(F_SETLKW, F_WRLCK, 1, 1);
	int mine = r == 0 ? 1 : errno == EDEADLK ? 2 : 3;
	CHECK(set(F_SETLK, F_UNLCK, 0, 2) == 0);
	CHECK(waitpid(pid, &s, 0) == pid);
	int theirs = WEXITSTATUS(s);
	CHECK((mine == 1 && theirs == 2) || (mine == 2 && theirs == 1));
	printf("EDEADLK for one of two\n");

	CHECK(pwrite(fd, "0", 2, 0) == 2);
	for (int i = 0; i < 8; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char buf[32];
			for (int k = 0; k < 50; k++) {
				CHECK(set(F_SETLKW, F_WRLCK, 0, 0) == 0);
				CHECK(pread(fd, buf, sizeof buf, 0) > 0);
				int n = snprintf(buf, sizeof buf, "%d", atoi(buf) + 1);
				CHECK(pwrite(fd, buf, n + 1, 0) == n + 1);
				CHECK(set(F_SETLK, F_UNLCK, 0, 0) == 0);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++)
		CHECK(wait(&s) > 0 && s == 0);
	char buf[32] = "";
	CHECK(pread(fd, buf, sizeof buf, 0) > 0);
	printf("counter %s\n", buf);
	return 0;
}
