// laplace: pinned
// What a program finds at the top: the root, /dev and /tmp have the same names on every run.
#include "check.h"
#include <dirent.h>
#include <sys/stat.h>

static void list(const char *path)
{
	DIR *d = opendir(path);
	if (d == NULL) {
		printf("%s %s\n", path, errname(errno));
		return;
	}
	char last[256] = "";
	for (struct dirent *e; (e = readdir(d));) {
		printf("%s/%s type %d ino %lu\n", path, e->d_name, e->d_type, e->d_ino);
		if (e->d_name[0] == '.')
			continue;
		if (boxed())
			CHECK(strcmp(last, e->d_name) < 0);
		snprintf(last, sizeof last, "%s", e->d_name);
	}
	CHECK(closedir(d) == 0);
}

int main(void)
{
	list("/");
	list("/dev");
	list("/dev/shm");
	list("/dev/pts");
	list("/sys");
	list("/proc/self/fd");
	if (boxed()) {
		list("/tmp");
		static const char *const want[] = {"null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "fd"};
		for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
			char path[32];
			struct stat st;
			snprintf(path, sizeof path, "/dev/%s", want[i]);
			if (lstat(path, &st) != 0)
				FAIL("%s", path);
		}
		struct stat st;
		CHECK(stat("/dev", &st) == 0 && (st.st_mode & 07777) == 0755);
		CHECK(stat("/dev/kmsg", &st) == -1 && stat("/dev/mem", &st) == -1 && stat("/dev/kvm", &st) == -1);
	}
	return 0;
}
