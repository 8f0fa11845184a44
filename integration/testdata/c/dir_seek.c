// laplace: pinned
// telldir, seekdir, rewinddir, lseek on directories, shared and separate offsets.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char names[400][32];
static long places[400];
static int count;

int main(void)
{
	DIR *d = opendir("d");
	CHECK(d != NULL);
	for (;;) {
		places[count] = telldir(d);
		struct dirent *e = readdir(d);
		if (e == NULL)
			break;
		snprintf(names[count++], 32, "%.31s", e->d_name);
	}
	CHECK(count == 152);
	for (int i = 0; i <= count; i++)
		for (int j = 0; j < i; j++)
			CHECK(places[i] != places[j]);
	/* Every place leads back to its entry, in any order. */
	for (int i = 0; i < count; i++) {
		int at = i * 37 % count;
		seekdir(d, places[at]);
		CHECK(telldir(d) == places[at]);
		struct dirent *e = readdir(d);
		CHECK(e != NULL && strcmp(e->d_name, names[at]) == 0);
		if (at + 1 < count) {
			e = readdir(d);
			CHECK(e != NULL && strcmp(e->d_name, names[at + 1]) == 0);
		}
	}
	seekdir(d, places[count]);
	CHECK(readdir(d) == NULL);
	/* rewinddir sees what came since. */
	CHECK(mknod("d/file-00", S_IFREG | 0644, 0) == 0);
	rewinddir(d);
	int seen = 0, found = 0;
	for (struct dirent *e; (e = readdir(d)); seen++)
		found |= strcmp(e->d_name, "file-00") == 0;
	CHECK(seen == count + 1 && found);
	CHECK(closedir(d) == 0);

	/* d_off of an entry is the place of the next; lseek there. */
	char buf[32768];
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(lseek(fd, 0, SEEK_CUR) == 0);
	long n = syscall(SYS_getdents64, fd, buf, sizeof buf);
	CHECK(n > 0 && syscall(SYS_getdents64, fd, buf + n, sizeof buf - n) == 0);
	struct dirent64 *e = (void *)buf, *next;
	int records = 0;
	for (long at = 0; at < n; records++) {
		e = (void *)(buf + at);
		at += e->d_reclen;
		CHECK(lseek(fd, e->d_off, SEEK_SET) == e->d_off);
		char one[300];
		long m = syscall(SYS_getdents64, fd, one, sizeof one);
		if (at < n) {
			next = (void *)(buf + at);
			CHECK(m > 0 && strcmp(((struct dirent64 *)one)->d_name, next->d_name) == 0);
		} else {
			CHECK(m == 0);
		}
		if (records < 5)
			printf("%s ino %ld off %ld\n", e->d_name, boxed() ? (long)e->d_ino : 0, boxed() ? (long)e->d_off : 0);
	}
	CHECK(records == count + 1);

	/* A duplicate and a child share the place, another open does not. */
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	int copy = dup(fd), other = open("d", O_RDONLY | O_DIRECTORY);
	char one[64], two[64];
	long a = syscall(SYS_getdents64, fd, one, sizeof one);
	CHECK(a > 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(syscall(SYS_getdents64, copy, two, sizeof two) <= 0 || memcmp(one, two, 24) == 0);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	long b = syscall(SYS_getdents64, other, two, sizeof two);
	CHECK(b == a && strcmp(((struct dirent64 *)one)->d_name, ((struct dirent64 *)two)->d_name) == 0);
	/* The rest, read through both descriptors of one description, is complete. */
	CHECK(lseek(copy, 0, SEEK_SET) == 0);
	int total = 0;
	for (int turn = 0;; turn++) {
		n = syscall(SYS_getdents64, turn % 2 ? fd : copy, buf, 200);
		CHECK(n >= 0);
		if (n == 0)
			break;
		for (long at = 0; at < n; at += ((struct dirent64 *)(buf + at))->d_reclen)
			total++;
	}
	CHECK(total == count + 1);
	/* fdopendir goes on where the descriptor is. */
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && syscall(SYS_getdents64, fd, one, sizeof one) > 0);
	d = fdopendir(fd);
	CHECK(d != NULL);
	for (total = 0; readdir(d);)
		total++;
	CHECK(total < count + 1 && total >= count - 1);
	printf("%d entries\n", count);
	return 0;
}
