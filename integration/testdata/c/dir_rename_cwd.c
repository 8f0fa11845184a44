// laplace: pinned taints=* verdict=*
// A directory that is renamed above a working directory and an open file: both stay valid (or EXDEV, and a taint).
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(void)
{
	struct stat st, other;
	char buf[8], cwd[4096];
	int fd = open("top/mid/bottom/file", O_RDONLY);
	CHECK(fd >= 0 && chdir("top/mid/bottom") == 0 && stat("file", &st) == 0);
	errno = 0;
	int r = rename("../../../top", "../../../renamed");
	printf("rename %d %s\n", r, errname(errno));
	if (r != 0 && !(boxed() && errno == EXDEV))
		FAIL("rename");
	CHECK(stat("file", &other) == 0 && other.st_ino == st.st_ino);
	CHECK(fstat(fd, &other) == 0 && other.st_ino == st.st_ino && read(fd, buf, 2) == 2);
	CHECK(getcwd(cwd, sizeof cwd) != NULL);
	char *tail = strstr(cwd, r == 0 ? "/renamed/mid/bottom" : "/top/mid/bottom");
	CHECK(tail != NULL);
	int out = open("new", O_WRONLY | O_CREAT, 0644);
	CHECK(out >= 0 && close(out) == 0);
	CHECK(stat(r == 0 ? "../../../renamed/mid/bottom/new" : "../../../top/mid/bottom/new", &other) == 0);
	return 0;
}
