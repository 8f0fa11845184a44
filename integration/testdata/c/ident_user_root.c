// laplace: pinned flags="--user root"
// --user root: the program is root to its own eyes, and so are its files.
#include "check.h"
#include <sys/stat.h>

int main(void)
{
	struct stat st;
	CHECK(mkdir("dir", 0755) == 0 && mknod("dir/file", S_IFREG | 0600, 0) == 0);
	CHECK(stat("dir/file", &st) == 0 && st.st_uid == getuid() && st.st_gid == getgid());
	printf("%d %d %d %d, file %d %d\n", getuid(), geteuid(), getgid(), getegid(), st.st_uid, st.st_gid);
	if (boxed()) {
		CHECK(getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
		CHECK(chown("dir/file", 0, 0) == 0);
		CHECK(stat("/usr/bin/env", &st) == 0 && st.st_uid == 0);
		CHECK(stat("prog", &st) == 0 && st.st_uid == 0);
	}
	return 0;
}
