// laplace: same
// Files in memory: private and shared mappings, before and after copy-up, and the page past the end.
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static sigjmp_buf back;

static void caught(int sig) { siglongjmp(back, sig); }

static char at(int fd, off_t off)
{
	char c;
	CHECK(pread(fd, &c, 1, off) == 1);
	return c;
}

int main(void)
{
	int low = open("lower", O_RDWR), ro = open("lower2", O_RDONLY), fd = open("new", O_RDWR | O_CREAT, 0644);
	CHECK(low >= 0 && ro >= 0 && fd >= 0 && ftruncate(fd, 8192) == 0);
	int both[2] = {low, fd};
	for (int i = 0; i < 2; i++) {
		int f = both[i];
		char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
		char *second = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 4096);
		CHECK(shared != MAP_FAILED && private != MAP_FAILED && second != MAP_FAILED);
		private[10] = 'p';
		CHECK(at(f, 10) != 'p' && shared[10] != 'p');
		shared[10] = 's', shared[4096] = 'S';
		CHECK(at(f, 10) == 's' && at(f, 4096) == 'S' && private[10] == 'p' && second[0] == 'S');
		CHECK(pwrite(f, "w", 1, 20) == 1 && shared[20] == 'w');
		CHECK(msync(shared, 8192, MS_SYNC) == 0 && msync(shared, 4096, MS_ASYNC) == 0);
		/* A child shares the shared one. */
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			shared[30] = 'c', private[30] = 'c';
			_exit(0);
		}
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		CHECK(shared[30] == 'c' && private[30] != 'c' && at(f, 30) == 'c');
		CHECK(munmap(private, 8192) == 0 && munmap(second, 4096) == 0);
		char *bigger = mremap(shared, 8192, 12288, MREMAP_MAYMOVE);
		CHECK(bigger != MAP_FAILED && bigger[30] == 'c');
		/* The file ends inside the last page: the rest of it reads as zeros; the page after raises SIGBUS. */
		CHECK(ftruncate(f, 5000) == 0 && bigger[4999] == (i ? 0 : 'x') && bigger[5000] == 0);
		signal(SIGBUS, caught);
		if (sigsetjmp(back, 1) == 0) {
			volatile char c = bigger[8192];
			FAIL("read %d past the end", c);
		}
		CHECK(munmap(bigger, 12288) == 0 && close(f) == 0);
	}
	/* Mapped for reading before another descriptor writes for the first time. */
	char *early = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, ro, 4096);
	CHECK(early != MAP_FAILED && early[0] == 'x');
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
	char *mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
	CHECK(mine != MAP_FAILED);
	mine[0] = 'm';
	CHECK(at(ro, 0) == 'x');
	/* The mapping outlives its descriptor and its name. */
	fd = open("short", O_RDWR);
	char *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(left != MAP_FAILED && close(fd) == 0 && rename("short", "renamed") == 0);
	memcpy(left, "SHORT", 5);
	CHECK((fd = open("renamed", O_RDONLY)) >= 0 && at(fd, 4) == 'T' && close(fd) == 0 && munmap(left, 4096) == 0);

	fd = open("renamed", O_RDONLY);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 10, PROT_READ, MAP_PRIVATE, fd, 7) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 10, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap(NULL, 10, PROT_READ, 0, fd, 0) == MAP_FAILED && errno == EINVAL);
	int dir = open(".", O_RDONLY), wo = open("renamed", O_WRONLY);
	CHECK(mmap(NULL, 10, PROT_READ, MAP_PRIVATE, dir, 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 10, PROT_READ, MAP_PRIVATE, wo, 0) == MAP_FAILED && errno == EACCES);
	printf("done\n");
	return 0;
}
