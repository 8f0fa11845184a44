// laplace: same
// A directory that changes while it is read: what stays is seen exactly once.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void touch(const char *dir, const char *what, int i)
{
	char path[64];
	snprintf(path, sizeof path, "%s/%s-%d", dir, what, i);
	CHECK(mknod(path, S_IFREG | 0644, 0) == 0);
}

/* drain removes each name as soon as it is read (rm -r), through a small buffer. */
static void drain(const char *dir, int want)
{
	char buf[400], path[300];
	int fd = open(dir, O_RDONLY | O_DIRECTORY), seen = 0;
	CHECK(fd >= 0);
	long n;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0)
		for (long at = 0; at < n;) {
			struct dirent64 *e = (void *)(buf + at);
			at += e->d_reclen;
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
			CHECK(unlink(path) == 0);
			seen++;
		}
	CHECK(n == 0);
	if (seen != want)
		FAIL("%s: saw %d names, want %d", dir, seen, want);
	CHECK(rmdir(dir) == 0);
	printf("%s: removed %d while reading\n", dir, seen);
}

int main(void)
{
	char path[64];
	CHECK(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("c", 0755) == 0);
	for (int i = 0; i < 1000; i++)
		touch("a", "new", i);
	drain("a", 1000);
	for (int i = 0; i < 100; i++)
		touch("lower", "new", i);
	drain("lower", 600);

	/* Names that go while they are not yet read, or come: those that stay are seen once, and the reading ends. */
	for (int i = 0; i < 400; i++) {
		touch("b", "stays", i);
		touch("b", "goes", i);
	}
	DIR *d = opendir("b");
	CHECK(d != NULL);
	static int times[400];
	int came = 0, reads = 0;
	for (struct dirent *e; (e = readdir(d)); reads++) {
		int i;
		if (reads > 5000)
			FAIL("the directory has no end");
		if (sscanf(e->d_name, "stays-%d", &i) == 1)
			times[i]++;
		if (reads < 400) {
			snprintf(path, sizeof path, "b/goes-%d", reads);
			CHECK(unlink(path) == 0);
			touch("b", "comes", came++);
		}
	}
	CHECK(closedir(d) == 0);
	for (int i = 0; i < 400; i++)
		if (times[i] != 1)
			FAIL("stays-%d was seen %d times", i, times[i]);
	/* A second reading sees exactly what is there. */
	d = opendir("b");
	int stays = 0, comes = 0, goes = 0;
	for (struct dirent *e; (e = readdir(d));) {
		stays += strncmp(e->d_name, "stays", 5) == 0;
		comes += strncmp(e->d_name, "comes", 5) == 0;
		goes += strncmp(e->d_name, "goes", 4) == 0;
	}
	CHECK(closedir(d) == 0);
	printf("b: %d stay, %d came, %d gone\n", stays, comes, goes);

	/* Renames within the directory: each file is seen under its old or its new name, or both, but the others once. */
	for (int i = 0; i < 300; i++)
		touch("c", "f", i);
	d = opendir("c");
	static int seen[300];
	reads = 0;
	for (struct dirent *e; (e = readdir(d)); reads++) {
		int i;
		if (reads > 5000)
			FAIL("the directory has no end");
		if (sscanf(e->d_name, "f-%d", &i) == 1)
			seen[i]++;
		if (reads < 100) {
			char to[64];
			snprintf(path, sizeof path, "c/f-%d", reads);
			snprintf(to, sizeof to, "c/renamed-%d", reads);
			CHECK(rename(path, to) == 0);
		}
	}
	CHECK(closedir(d) == 0);
	for (int i = 100; i < 300; i++)
		CHECK(seen[i] == 1);

	/* A removed directory that is still open is empty. */
	CHECK(mkdir("e", 0755) == 0);
	int fd = open("e", O_RDONLY | O_DIRECTORY);
	char buf[400];
	CHECK(rmdir("e") == 0);
	errno = 0;
	long n = syscall(SYS_getdents64, fd, buf, sizeof buf);
	printf("removed directory: %ld %s\n", n < 0 ? n : 0, errname(errno));
	return 0;
}
