// laplace: same
// Hard links of files that were there before stay links when one of their names is changed.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static void content(const char *path, const char *want)
{
	char buf[64] = {0};
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, buf, sizeof buf - 1) >= 0 && close(fd) == 0);
	if (strcmp(buf, want) != 0)
		FAIL("%s holds %s, want %s", path, buf, want);
}

static void group(int links, const char *const *names)
{
	struct stat first, st;
	CHECK(lstat(names[0], &first) == 0);
	for (; *names; names++) {
		CHECK(lstat(*names, &st) == 0);
		if (st.st_ino != first.st_ino || st.st_dev != first.st_dev)
			FAIL("%s is another inode", *names);
		if ((int)st.st_nlink != links)
			FAIL("%s has %ld links, want %d", *names, (long)st.st_nlink, links);
		if (st.st_mode != first.st_mode || st.st_size != first.st_size || st.st_mtim.tv_nsec != first.st_mtim.tv_nsec)
			FAIL("%s has other metadata", *names);
		printf("%s links %ld mode %o size %ld\n", *names, (long)st.st_nlink, st.st_mode, st.st_size);
	}
}

#define GROUP(n, ...) group(n, (const char *const[]){__VA_ARGS__, NULL})

static void append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

int main(void)
{
	GROUP(3, "a", "b", "d/c");
	content("d/c", "original\n");
	append("b", "more\n");
	content("a", "original\nmore\n");
	content("d/c", "original\nmore\n");
	GROUP(3, "a", "b", "d/c");
	CHECK(chmod("d/c", 0600) == 0);
	GROUP(3, "a", "b", "d/c");
	CHECK(truncate("a", 4) == 0);
	content("b", "orig");
	CHECK(link("b", "d/e") == 0);
	GROUP(4, "a", "b", "d/c", "d/e");
	CHECK(unlink("a") == 0);
	GROUP(3, "b", "d/c", "d/e");
	append("d/e", "!");
	content("d/c", "orig!");
	/* Renaming one link onto another does nothing, onto another file moves it. */
	CHECK(rename("b", "d/c") == 0);
	GROUP(3, "b", "d/c", "d/e");
	CHECK(rename("d/e", "a") == 0);
	GROUP(3, "a", "b", "d/c");

	/* The first change of a group through a rename, an unlink, a link. */
	CHECK(rename("s1", "s3") == 0);
	GROUP(2, "s3", "d/s2");
	append("d/s2", "S");
	content("s3", "second\nS");
	CHECK(unlink("t2") == 0);
	GROUP(2, "t1", "d/t3");
	CHECK(link("d/t3", "t4") == 0);
	GROUP(3, "t1", "d/t3", "t4");
	append("t4", "T");
	content("t1", "third\nT");
	content("d/t3", "third\nT");
	/* Replacing a name, as editors do, leaves the group. */
	int fd = open("t1.tmp", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "new", 3) == 3 && close(fd) == 0 && rename("t1.tmp", "t1") == 0);
	content("t4", "third\nT");
	GROUP(1, "t1");
	GROUP(2, "d/t3", "t4");
	return 0;
}
