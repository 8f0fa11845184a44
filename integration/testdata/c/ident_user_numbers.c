// laplace: pinned flags="--user 33:44"
// --user UID:GID chooses both numbers.
#include "check.h"
#include <sys/stat.h>

int main(void)
{
	struct stat st;
	CHECK(mknod("file", S_IFREG | 0600, 0) == 0 && stat("file", &st) == 0);
	printf("%d %d, file %d %d\n", getuid(), getgid(), st.st_uid, st.st_gid);
	CHECK(st.st_uid == getuid() && st.st_gid == getgid());
	if (boxed())
		CHECK(getuid() == 33 && getgid() == 44);
	return 0;
}
