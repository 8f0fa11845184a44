// laplace: same
// flock that blocks: until the holder unlocks, closes, exits or dies; readers together, then a writer; and a counter
// that many processes raise under the lock.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
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
	const char *how[] = {"unlocks", "closes", "exits", "is killed"};
	int ready[2], stay[2], s;
	char c;
	CHECK(pipe(ready) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(pipe(stay) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(stay[1]);
			int fd = again();
			CHECK(flock(fd, LOCK_EX) == 0);
			CHECK(write(ready[1], "r", 1) == 1);
			usleep(5000);
			CHECK(write(ready[1], "x", 1) == 1); /* before the lock goes */
			switch (i) {
			case 0: flock(fd, LOCK_UN); break;
			case 1: close(fd); break;
			case 2: _exit(0);
			case 3: kill(getpid(), SIGKILL);
			}
			_exit(read(stay[0], &c, 1)); /* until the parent has closed its end */
		}
		close(stay[0]);
		int fd = again();
		CHECK(read(ready[0], &c, 1) == 1 && c == 'r');
		CHECK(flock(fd, LOCK_EX) == 0);
		CHECK(fcntl(ready[0], F_SETFL, O_NONBLOCK) == 0);
		CHECK(read(ready[0], &c, 1) == 1 && c == 'x'); /* the lock came after it */
		CHECK(fcntl(ready[0], F_SETFL, 0) == 0);
		close(stay[1]);
		CHECK(waitpid(pid, &s, 0) == pid);
		close(fd);
		printf("holder %s\n", how[i]);
	}

	/* Three readers hold it together; the writer waits for the last of them. */
	int gate[2], held[2];
	CHECK(pipe(gate) == 0 && pipe(held) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int fd = again();
			CHECK(flock(fd, LOCK_SH) == 0);
			CHECK(write(held[1], "h", 1) == 1);
			CHECK(read(gate[0], &c, 1) == 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		CHECK(read(held[0], &c, 1) == 1);
	pid_t writer = fork();
	CHECK(writer >= 0);
	if (writer == 0) {
		int fd = again();
		CHECK_ERR(flock(fd, LOCK_EX | LOCK_NB), EAGAIN);
		CHECK(write(held[1], "w", 1) == 1);
		CHECK(flock(fd, LOCK_EX) == 0);
		_exit(9);
	}
	CHECK(read(held[0], &c, 1) == 1 && c == 'w');
	for (int i = 0; i < 3; i++) {
		CHECK(waitpid(writer, &s, WNOHANG) == 0);
		CHECK(write(gate[1], "g", 1) == 1);
		if (i < 2)
			CHECK(wait(&s) > 0 && s == 0);
	}
	CHECK(waitpid(writer, &s, 0) == writer && WEXITSTATUS(s) == 9);
	CHECK(wait(&s) > 0 && s == 0);
	printf("readers, then the writer\n");

	/* Nobody's increment is lost. */
	int fd = again();
	CHECK(pwrite(fd, "0", 2, 0) == 2);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int own = again();
			char buf[32];
			for (int k = 0; k < 50; k++) {
				CHECK(flock(own, LOCK_EX) == 0);
				CHECK(pread(own, buf, sizeof buf, 0) > 0);
				int n = snprintf(buf, sizeof buf, "%d", atoi(buf) + 1);
				CHECK(pwrite(own, buf, n + 1, 0) == n + 1);
				CHECK(flock(own, LOCK_UN) == 0);
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
