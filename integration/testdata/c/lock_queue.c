// laplace: pinned
// The order in which blocked processes get a lock: the kernel's fairness natively, one order in a box. And a lock
// made of O_EXCL, with sleeps between the attempts.
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static void note(const char *name, int i)
{
	int log = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644);
	char c = 'a' + i;
	CHECK(log >= 0 && write(log, &c, 1) == 1);
	close(log);
}

static void show(const char *name, int want)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, sizeof buf);
	CHECK(n == want);
	printf("%s: %.*s\n", name, (int)n, buf);
	close(fd);
}

int main(void)
{
	setlinebuf(stdout);
	int s, held = open("lock", O_RDWR | O_CREAT, 0644);
	CHECK(held >= 0 && flock(held, LOCK_EX) == 0);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(held);
			int fd = open("lock", O_RDWR);
			CHECK(fd >= 0);
			for (int k = 0; k < 3; k++) {
				CHECK(flock(fd, i % 2 ? LOCK_EX : LOCK_SH) == 0);
				if (i % 2)
					note("flock-order", i);
				CHECK(flock(fd, LOCK_UN) == 0);
			}
			_exit(0);
		}
	}
	usleep(10000);
	CHECK(flock(held, LOCK_UN) == 0);
	for (int i = 0; i < 8; i++)
		CHECK(wait(&s) > 0 && s == 0);
	show("flock-order", 12);

	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (int k = 0; k < 3; k++) {
				int fd;
				while ((fd = open("lock.excl", O_WRONLY | O_CREAT | O_EXCL, 0600)) < 0) {
					if (errno != EEXIST)
						FAIL("open");
					usleep(500);
				}
				note("excl-order", i);
				close(fd);
				CHECK(unlink("lock.excl") == 0);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		CHECK(wait(&s) > 0 && s == 0);
	show("excl-order", 12);
	return 0;
}
