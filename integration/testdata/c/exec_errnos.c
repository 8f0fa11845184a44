// laplace: same refused=execve
// Every way in which execve fails, and that the caller goes on unharmed.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static char *const argv0[] = {"x", NULL};
static char *const env0[] = {NULL};
static void *volatile bad = (void *)8; /* no page there */
static volatile sig_atomic_t caught;
static void handler(int sig) { caught = sig; }

static void file(const char *name, mode_t mode, const void *data, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n && close(fd) == 0 && chmod(name, mode) == 0);
}

static void try(const char *what, const char *path)
{
	errno = 0;
	int r = execve(path, argv0, env0);
	printf("%s: %d %s\n", what, r, errname(errno));
}

int main(void)
{
	setlinebuf(stdout);
	CHECK(signal(SIGUSR1, handler) != SIG_ERR);
	int cloexec = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(cloexec >= 0);

	try("missing", "./missing");
	try("empty path", "");
	try("missing directory", "./none/prog");
	try("file as a directory", "./prog/x");
	try("trailing slash", "./prog/");

	CHECK(mkdir("dir", 0755) == 0);
	try("directory", "./dir");
	file("noexec", 0644, "#!/bin/sh\nexit 9\n", 17);
	try("no x bit", "./noexec");
	CHECK(mkdir("closed", 0755) == 0);
	file("closed/prog", 0755, "#!/bin/sh\nexit 9\n", 17);
	CHECK(chmod("closed", 0600) == 0);
	try("closed directory", "./closed/prog");
	CHECK(chmod("closed", 0755) == 0);
	try("device", "/dev/null");
	CHECK(mkfifo("fifo", 0755) == 0);
	try("fifo", "./fifo");

	file("empty", 0755, "", 0);
	try("empty file", "./empty");
	file("text", 0755, "echo no interpreter line\n", 25);
	try("text", "./text");
	file("cut", 0755, "\177ELF\2\1\1", 7);
	try("cut ELF", "./cut");
	char elf[64] = "\177ELF\2\1\1";
	elf[16] = 2, elf[18] = 62, elf[20] = 1; /* ET_EXEC, x86-64, but no program header */
	file("hollow", 0755, elf, sizeof elf);
	try("hollow ELF", "./hollow");

	CHECK(symlink("loop-b", "loop-a") == 0 && symlink("loop-a", "loop-b") == 0);
	try("loop", "./loop-a");
	CHECK(symlink("nowhere", "dangling") == 0);
	try("dangling", "./dangling");

	char name[300], path[5000];
	memset(name, 'n', 256);
	name[256] = 0;
	try("long name", name);
	memset(path, '/', sizeof path);
	path[4096] = 0;
	try("long path", path);

	errno = 0;
	printf("bad path: %d", execve(bad, argv0, env0));
	printf(" %s\n", errname(errno));
	errno = 0;
	printf("bad argv: %d", execve("./prog", bad, env0));
	printf(" %s\n", errname(errno));
	errno = 0;
	printf("bad string: %d", execve("./prog", (char *[]){"x", bad, NULL}, env0));
	printf(" %s\n", errname(errno));
	errno = 0;
	printf("bad environment: %d", execve("./prog", argv0, bad));
	printf(" %s\n", errname(errno));

	/* Nothing of the caller is lost by a failed exec. */
	raise(SIGUSR1);
	CHECK(caught == SIGUSR1);
	CHECK(fcntl(cloexec, F_GETFD) == FD_CLOEXEC);
	return 0;
}
