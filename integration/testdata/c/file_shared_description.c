// laplace: pinned
// Status flags and positions of descriptions that two processes hold: when one changes them is a race natively.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void work(int calls)
{
	for (int i = 0; i < calls; i++)
		close(open("/dev/null", O_RDONLY));
}

static void compute(void)
{
	for (volatile long i = 0; i < 20000000; i++)
		;
}

static long entries(int fd)
{
	char buf[1024];
	long n, total = 0;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0)
		total += n;
	return total;
}

int main(void)
{
	for (int i = 0; i < 400; i++) {
		char name[32];
		snprintf(name, sizeof name, "a_long_name_%03d", i);
		close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	int fds[2], log = open("log", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(log >= 0 && dir >= 0);
	CHECK(pipe(fds) == 0);
	CHECK(write(log, "0123456789", 10) == 10);
	CHECK(lseek(log, 0, SEEK_SET) == 0);
	fflush(stdout);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		lseek(log, 5, SEEK_SET);
		work(50);
		fcntl(log, F_SETFL, O_APPEND);
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		work(50);
		long n = entries(dir);
		printf("child: %ld\n", n);
		fflush(stdout);
		_exit(0);
	}
	compute();
	CHECK(write(log, "ab", 2) == 2);
	int n = 0;
	while (!(fcntl(fds[0], F_GETFL) & O_NONBLOCK))
		n++;
	printf("blocking for %d looks\n", n);
	printf("parent: %ld\n", entries(dir));
	CHECK(waitpid(pid, NULL, 0) == pid);
	char buf[32];
	n = pread(log, buf, sizeof buf, 0);
	printf("%.*s\n", n, buf);
	return 0;
}
