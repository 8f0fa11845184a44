// laplace: same
// A thousand calls that make, rename, link, change and remove, on what was there before and what is new, at random
// (always the same): results, and the tree with its links, as natively; numbers that tell files apart all the way.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static uint32_t state = 12345;

static uint32_t rnd(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

#define MAX 4000
static struct entry {
	char path[200];
	struct stat st;
	uint32_t sum;
} all[MAX];
static int count;

static uint32_t sum(const char *path)
{
	char buf[4096];
	uint32_t h = 1;
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
		for (ssize_t i = 0; i < n; i++)
			h = h * 31 + (unsigned char)buf[i];
	CHECK(close(fd) == 0);
	return h;
}

static void walk(const char *dir)
{
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		CHECK(count < MAX);
		struct entry *n = &all[count++];
		snprintf(n->path, sizeof n->path, "%.100s/%.90s", dir, e->d_name);
		CHECK(lstat(n->path, &n->st) == 0);
		if (n->st.st_ino != e->d_ino)
			FAIL("%s: d_ino %lu, st_ino %lu", n->path, e->d_ino, n->st.st_ino);
		n->sum = 0;
		if (S_ISREG(n->st.st_mode))
			n->sum = sum(n->path);
		if (S_ISDIR(n->st.st_mode))
			walk(n->path);
	}
	CHECK(closedir(d) == 0);
}

static int by_path(const void *a, const void *b) { return strcmp(((struct entry *)a)->path, ((struct entry *)b)->path); }

/* look checks that numbers tell files apart, and that links are counted. */
static void look(int print)
{
	count = 0;
	walk("t");
	qsort(all, count, sizeof *all, by_path);
	for (int i = 0; i < count; i++) {
		int links = 0, first = i;
		for (int j = 0; j < count; j++)
			if (all[j].st.st_ino == all[i].st.st_ino) {
				links++;
				if (j < first)
					first = j;
				if (all[i].sum != all[j].sum || all[i].st.st_mode != all[j].st.st_mode || all[i].st.st_size != all[j].st.st_size ||
				    all[i].st.st_mtim.tv_nsec != all[j].st.st_mtim.tv_nsec)
					FAIL("%s and %s have one number and differ", all[i].path, all[j].path);
			}
		if (links != (S_ISDIR(all[i].st.st_mode) ? 1 : (int)all[i].st.st_nlink))
			FAIL("%s: %d names, %d links", all[i].path, links, (int)all[i].st.st_nlink);
		if (print)
			printf("%s %o %ld %08x %d\n", all[i].path, all[i].st.st_mode, S_ISDIR(all[i].st.st_mode) ? 0 : (long)all[i].st.st_size,
			       all[i].sum, first);
	}
}

/* name is a path that may be there or not. */
static const char *name(char *buf)
{
	static const char *const parts[] = {"a", "b", "c", "d", "lower", "sub", "file", "hard", "deep", "sym"};
	int n = 1 + rnd(3);
	strcpy(buf, "t");
	if (rnd(3) > 0 && count > 0)
		strcpy(buf, all[rnd(count)].path); /* something that was there the last time */
	else
		for (int i = 0; i < n; i++) {
			strcat(buf, "/");
			strcat(buf, parts[rnd(sizeof parts / sizeof *parts)]);
		}
	if (strlen(buf) > 60)
		strcpy(buf, "t/a");
	return buf;
}

static ino_t ino(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static long content(const char *path, int flags)
{
	char text[40];
	int fd = open(path, flags, 0644);
	if (fd < 0)
		return -1;
	int n = snprintf(text, sizeof text, "%u %.20s", rnd(1000), path);
	CHECK(write(fd, text, n) == n && close(fd) == 0);
	return 0;
}

int main(void)
{
	char a[256], b[256];
	mode_t modes[] = {0700, 0755, 0644, 0600, 02755, 0777};
	look(1);
	for (int i = 0; i < 1000; i++) {
		name(a), name(b);
		ino_t was = ino(a), other = ino(b);
		int what = rnd(12);
		long r = 0;
		errno = 0;
		switch (what) {
		case 0: r = mkdir(a, 0755); break;
		case 1: r = rnd(4) ? rmdir(a) : unlink(a); break;
		case 2: r = unlink(a); break;
		case 3: case 4: case 5:
			r = rename(a, b);
			if (r == 0 && ino(b) != was)
				FAIL("rename %s to %s: another number", a, b);
			break;
		case 6:
			r = link(a, b);
			if (r == 0 && (ino(a) != was || ino(b) != was))
				FAIL("link %s to %s: another number", a, b);
			break;
		case 7: r = content(a, O_WRONLY | O_CREAT | O_NOFOLLOW); break;
		case 8: r = content(a, rnd(2) ? O_WRONLY | O_APPEND | O_NOFOLLOW : O_WRONLY | O_TRUNC | O_NOFOLLOW); break;
		case 9:
			r = chmod(a, S_ISDIR(modes[0]) ? 0700 : 0700 | modes[rnd(6)]);
			if (ino(a) != was)
				FAIL("chmod %s: another number", a);
			break;
		case 10:
			r = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
			if (r == 0 && (ino(a) != other || ino(b) != was))
				FAIL("exchange %s and %s: other numbers", a, b);
			break;
		case 11: r = rnd(2) ? symlink(b, a) : truncate(a, rnd(20)); break;
		}
		int e = errno;
		printf("%d: %d %s %s %s\n", i, what, a, b, r < 0 ? errname(e) : "ok");
		if (i % 10 == 9)
			look(0);
	}
	look(1);
	return 0;
}
