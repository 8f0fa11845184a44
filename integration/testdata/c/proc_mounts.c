// laplace: pinned refused=*
// The mount table: ids, devices and sources are the box's own, and the three views of it agree.
#include "check.h"
#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int main(void)
{
	char line[8192], mount[4096], root[4096];
	int id, parent, n = 0;
	unsigned maj, min;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f)) {
		printf("%s", line);
		CHECK(sscanf(line, "%d %d %u:%u %4095s %4095s", &id, &parent, &maj, &min, root, mount) == 6);
		struct stat st;
		if (boxed() && stat(mount, &st) == 0 && (major(st.st_dev) != maj || minor(st.st_dev) != min))
			FAIL("%s is %u:%u in mountinfo, %u:%u in stat", mount, maj, min, major(st.st_dev), minor(st.st_dev));
		n++;
	}
	CHECK(n > 0 && fclose(f) == 0);
	int m = 0;
	f = setmntent("/proc/self/mounts", "r");
	CHECK(f != NULL);
	struct mntent *e;
	while ((e = getmntent(f))) {
		printf("%s %s %s %s\n", e->mnt_fsname, e->mnt_dir, e->mnt_type, e->mnt_opts);
		/* Where the box keeps its layers on the host is not to be seen. */
		if (boxed())
			CHECK(strstr(e->mnt_opts, "upperdir") == NULL && strstr(e->mnt_opts, "lowerdir") == NULL);
		m++;
	}
	CHECK(m == n && endmntent(f) == 1);
	f = fopen("/etc/mtab", "r");
	if (f)
		fclose(f);
	return 0;
}
