// laplace: same
// A child has its own copy of memory and of the descriptor table, but shares open file descriptions with its parent.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int global = 1;

int main(void)
{
	setlinebuf(stdout);
	int local = 10;
	int *heap = malloc(sizeof *heap);
	*heap = 100;
	int *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(private != MAP_FAILED);
	*private = 1000;

	int fd = open("shared", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	int other = open("shared", O_RDWR);
	CHECK(other >= 0);
	CHECK(write(fd, "parent\n", 7) == 7);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		global++, local++, (*heap)++, (*private)++;
		printf("child: %d %d %d %d\n", global, local, *heap, *private);
		/* The offset is the description's: it stands where the parent left it. */
		printf("child: offset %ld\n", (long)lseek(fd, 0, SEEK_CUR));
		CHECK(write(fd, "child\n", 6) == 6);
		CHECK(lseek(other, 3, SEEK_SET) == 3);
		/* Closing is the table's: the parent's descriptors stay open. */
		CHECK(close(fd) == 0);
		/* File status flags are the description's, the close-on-exec flag the descriptor's. */
		CHECK(fcntl(other, F_SETFL, O_APPEND) == 0);
		CHECK(fcntl(other, F_SETFD, FD_CLOEXEC) == 0);
		exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("parent: %d %d %d %d\n", global, local, *heap, *private);
	printf("parent: offset %ld, other %ld\n", (long)lseek(fd, 0, SEEK_CUR), (long)lseek(other, 0, SEEK_CUR));
	printf("parent: append %d, cloexec %d\n", !!(fcntl(other, F_GETFL) & O_APPEND), fcntl(other, F_GETFD));
	CHECK(write(fd, "end\n", 4) == 4);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	char buf[64];
	ssize_t n = read(fd, buf, sizeof buf);
	CHECK(n > 0);
	fwrite(buf, 1, n, stdout);
	return 0;
}
