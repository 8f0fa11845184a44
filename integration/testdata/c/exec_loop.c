// laplace: same args=200
// One process that executes itself again and again: the pid stays, a descriptor's offset grows, nothing piles up.
#include "check.h"
#include <fcntl.h>

int main(int argc, char **argv)
{
	if (argc == 2) {
		int log = open("log", O_RDWR | O_CREAT | O_TRUNC, 0644);
		CHECK(log >= 0);
		char pid[16], fd[16];
		snprintf(pid, sizeof pid, "%d", getpid());
		snprintf(fd, sizeof fd, "%d", log);
		execl("./prog", "prog", argv[1], pid, fd, NULL);
		FAIL("execl");
	}
	int left = atoi(argv[1]), fd = atoi(argv[3]);
	CHECK(getpid() == atoi(argv[2]));
	CHECK(dprintf(fd, "%d\n", left) > 0);
	int next = dup(0);
	CHECK(next >= 0 && close(next) == 0);
	if (left == 0) {
		printf("offset %ld, lowest free descriptor %d above the log\n", (long)lseek(fd, 0, SEEK_CUR), next - fd);
		return 0;
	}
	char n[16];
	snprintf(n, sizeof n, "%d", left - 1);
	execl("./prog", "prog", n, argv[2], argv[3], NULL);
	FAIL("execl");
}
