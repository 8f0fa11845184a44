// laplace: pinned refused=sethostname,setdomainname
// The machine's names: uname, the host name calls and /proc/sys/kernel agree.
#include "check.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static void same(const char *file, const char *want)
{
	char buf[256] = {0};
	int fd = open(file, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, sizeof buf - 1);
	CHECK(n > 0 && buf[n - 1] == '\n' && close(fd) == 0);
	buf[n - 1] = 0;
	if (strcmp(buf, want) != 0)
		FAIL("%s is %s, want %s", file, buf, want);
}

int main(void)
{
	struct utsname u;
	CHECK(uname(&u) == 0);
	printf("%s %s %s %s %s %s\n", u.sysname, u.nodename, u.release, u.version, u.machine, u.domainname);
	CHECK(strcmp(u.sysname, "Linux") == 0 && strcmp(u.machine, "x86_64") == 0);
	char name[65] = {0};
	CHECK(gethostname(name, sizeof name) == 0 && strcmp(name, u.nodename) == 0);
	CHECK(getdomainname(name, sizeof name) == 0 && strcmp(name, u.domainname) == 0);
	same("/proc/sys/kernel/hostname", u.nodename);
	same("/proc/sys/kernel/domainname", u.domainname);
	same("/proc/sys/kernel/ostype", u.sysname);
	same("/proc/sys/kernel/osrelease", u.release);
	same("/proc/sys/kernel/version", u.version);
	printf("hostid %lx\n", gethostid());
	CHECK_ERR(sethostname("other", 5), EPERM);
	CHECK_ERR(setdomainname("other", 5), EPERM);
	CHECK_ERR(syscall(SYS_uname, 8), EFAULT);
	/* A program that asks for an old interface (personality UNAME26) cannot be told apart by the answer. */
	CHECK(uname(&u) == 0);
	return 0;
}
