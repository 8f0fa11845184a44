// laplace: pinned refused=setgroups,capset
// Who the program is: 1000:1000 without privilege, whoever runs the box.
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int main(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;
	CHECK(getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0);
	CHECK(r == getuid() && e == geteuid() && s == r && e == r);
	CHECK(gr == getgid() && ge == getegid() && gs == gr && ge == gr);
	printf("uid %d gid %d fsuid %d fsgid %d\n", r, gr, setfsuid(-1), setfsgid(-1));
	gid_t groups[64];
	int n = getgroups(64, groups);
	CHECK(n >= 0 && getgroups(0, NULL) == n);
	for (int i = 0; i < n; i++)
		printf("group %d\n", groups[i]);
	if (boxed()) {
		CHECK(r == 1000 && gr == 1000);
		CHECK(n == 0 || (n == 1 && groups[0] == 1000));
	}
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	CHECK(syscall(SYS_capget, &h, d) == 0);
	printf("capabilities effective %x%08x permitted %x%08x inheritable %x%08x\n", d[1].effective, d[0].effective,
	       d[1].permitted, d[0].permitted, d[1].inheritable, d[0].inheritable);
	if (r != 0)
		CHECK(d[0].effective == 0 && d[1].effective == 0 && d[0].permitted == 0 && d[1].permitted == 0);
	for (int cap = 0; cap <= 40; cap++)
		printf("%d", prctl(PR_CAPBSET_READ, cap));
	printf("\n");

	/* Files belong to whoever made them: the guest, to its own eyes. */
	struct stat st;
	CHECK(mknod("file", S_IFREG | 0644, 0) == 0 && stat("file", &st) == 0);
	CHECK(st.st_uid == r && st.st_gid == gr);
	CHECK(stat("prog", &st) == 0 && st.st_uid == r && st.st_gid == gr);
	CHECK(stat(".", &st) == 0 && st.st_uid == r && st.st_gid == gr);
	/* The system belongs to root, whatever the mapping. */
	CHECK(stat("/usr/bin/env", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
	CHECK(stat("/", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);

	/* To itself it can change, to others it cannot. */
	CHECK(setuid(r) == 0 && setgid(gr) == 0 && setresuid(-1, r, -1) == 0 && setreuid(r, r) == 0 && setregid(gr, gr) == 0);
	if (r != 0) {
		CHECK_ERR(setuid(0), EPERM);
		CHECK_ERR(setgid(0), EPERM);
		CHECK_ERR(seteuid(12345), EPERM);
		CHECK_ERR(setresgid(5, 5, 5), EPERM);
		CHECK_ERR(setgroups(1, &(gid_t){0}), EPERM);
		CHECK(setfsuid(0) == (int)r && setfsuid(-1) == (int)r);
		h.pid = 0;
		d[0].effective = d[0].permitted = 1;
		CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	}
	/* /proc/self/status says the same. */
	FILE *f = fopen("/proc/self/status", "r");
	CHECK(f != NULL);
	char line[4096];
	unsigned a, b, c, g;
	int seen = 0;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "Uid: %u %u %u %u", &a, &b, &c, &g) == 4)
			seen += a == r && b == r && c == r && g == r;
		if (sscanf(line, "Gid: %u %u %u %u", &a, &b, &c, &g) == 4)
			seen += a == gr && b == gr && c == gr && g == gr;
	}
	CHECK(seen == 2 && fclose(f) == 0);
	return 0;
}
