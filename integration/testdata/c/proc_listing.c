// laplace: pinned refused=*
// /proc lists the box's processes and no others, in order.
#include "check.h"
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int numbers(int *out, int max, int show)
{
	int n = 0;
	char last[256] = "";
	DIR *d = opendir("/proc");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		if (show)
			printf("%s type %d ino %lu\n", e->d_name, e->d_type, e->d_ino);
		if (isdigit((unsigned char)e->d_name[0])) {
			CHECK(n < max);
			out[n++] = atoi(e->d_name);
		} else if (e->d_name[0] != '.') {
			if (boxed() && last[0])
				CHECK(strcmp(last, e->d_name) < 0);
			snprintf(last, sizeof last, "%s", e->d_name);
		}
	}
	CHECK(closedir(d) == 0);
	return n;
}

int main(void)
{
	static int before[100000], during[100000];
	int n = numbers(before, 100000, boxed()), me = 0, one = 0;
	for (int i = 0; i < n; i++) {
		me |= before[i] == getpid();
		one |= before[i] == 1;
	}
	CHECK(me);
	if (boxed())
		CHECK(n == 2 && one);
	pid_t kids[5];
	int hold[2];
	CHECK(pipe(hold) == 0);
	for (int i = 0; i < 5; i++) {
		kids[i] = fork();
		CHECK(kids[i] >= 0);
		if (kids[i] == 0) {
			char c;
			close(hold[1]);
			_exit(read(hold[0], &c, 1) != 0);
		}
	}
	int m = numbers(during, 100000, boxed());
	if (boxed())
		CHECK(m == 7);
	for (int i = 0; i < 5; i++) {
		char path[64];
		struct stat st;
		int found = 0;
		for (int j = 0; j < m; j++)
			found |= during[j] == kids[i];
		CHECK(found);
		snprintf(path, sizeof path, "/proc/%d", kids[i]);
		CHECK(stat(path, &st) == 0 && st.st_uid == getuid());
		snprintf(path, sizeof path, "/proc/%d/task/%d/comm", kids[i], kids[i]);
		CHECK(stat(path, &st) == 0);
	}
	CHECK(close(hold[1]) == 0);
	for (int i = 0; i < 5; i++) {
		int status;
		CHECK(waitpid(kids[i], &status, 0) == kids[i] && status == 0);
		char path[64];
		struct stat st;
		snprintf(path, sizeof path, "/proc/%d", kids[i]);
		CHECK_ERR(stat(path, &st), ENOENT);
	}
	if (boxed())
		CHECK(numbers(during, 100000, 0) == 2);
	return 0;
}
