// laplace: same refused=madvise,mlock,mlockall,mlock2,memfd_secret,remap_file_pages
// Memory calls whose results are the same everywhere.
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static sigjmp_buf back;
static void *volatile where;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)context;
	where = info->si_addr;
	siglongjmp(back, sig);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0 && sigaction(SIGBUS, &sa, NULL) == 0);
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	for (int i = 0; i < 4 * 4096; i++)
		if (p[i] != 0)
			FAIL("new memory is not zero");
	memset(p, 'x', 4 * 4096);
	CHECK(mprotect(p + 4096, 4096, PROT_READ) == 0 && mprotect(p + 8192, 4096, PROT_NONE) == 0);
	if (sigsetjmp(back, 1) == 0) {
		p[4096] = 1;
		FAIL("wrote to a page for reading");
	}
	CHECK(where == p + 4096);
	if (sigsetjmp(back, 1) == 0) {
		volatile char c = p[8192 + 5];
		FAIL("read %d", c);
	}
	CHECK(where == p + 8192 + 5);
	/* Calls answer EFAULT where the program itself would fault. */
	int fds[2];
	CHECK(pipe(fds) == 0);
	CHECK_ERR(write(fds[1], p + 8192, 10), EFAULT);
	CHECK(write(fds[1], "0123456789", 10) == 10);
	CHECK_ERR(read(fds[0], p + 4096, 10), EFAULT);
	CHECK_ERR(open(p + 8192, O_RDONLY), EFAULT);
	struct stat st;
	CHECK_ERR(stat("prog", (void *)(p + 4096)), EFAULT);
	(void)st;
	CHECK(mprotect(p, 4 * 4096, PROT_READ | PROT_WRITE) == 0);
	CHECK(madvise(p, 4096, MADV_DONTNEED) == 0 && p[0] == 0 && p[4096] == 'x');
	CHECK(madvise(p, 4096, MADV_SEQUENTIAL) == 0 && madvise(p, 4096, MADV_WILLNEED) == 0 && madvise(p, 4096, MADV_DONTFORK) == 0);
	CHECK(madvise(p, 4096, MADV_DOFORK) == 0 && madvise(p + 4096, 4096, MADV_WIPEONFORK) == 0);
	p[0] = 'a', p[4096] = 'b';
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(!(p[0] == 'a' && p[4096] == 0));
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_ERR(madvise(p, 4096, 9999), EINVAL);
	CHECK_ERR(madvise(p + 1, 4096, MADV_NORMAL), EINVAL);
	CHECK_ERR(mprotect(p + 1, 4096, PROT_READ), EINVAL);
	CHECK_ERR(munmap(p + 1, 4096), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK(munmap(p, 4 * 4096) == 0);
	CHECK_ERR(mprotect(p, 4096, PROT_READ), ENOMEM);
	CHECK_ERR(msync(p, 4096, MS_SYNC), ENOMEM);
	CHECK_ERR(msync(p, 4096, MS_SYNC | MS_ASYNC), EINVAL);

	/* Memory as a file. */
	int fd = memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, 8192) == 0 && pwrite(fd, "memory", 6, 4093) == 6);
	CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 8192 && st.st_nlink == 0);
	char *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(a != MAP_FAILED && memcmp(a + 4093, "memory", 6) == 0 && munmap(a, 8192) == 0);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE) == 0 && fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_WRITE));
	CHECK_ERR(ftruncate(fd, 0), EPERM);
	CHECK_ERR(write(fd, "x", 1), EPERM);
	char link[64], path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, link, sizeof link);
	CHECK(n > 0);
	printf("%.*s\n", (int)n, link);
	CHECK_ERR(memfd_create("name", 0x8000), EINVAL);
	CHECK_ERR(fcntl(0, F_GET_SEALS), EINVAL);
	return 0;
}
