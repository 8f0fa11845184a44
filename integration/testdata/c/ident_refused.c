// laplace: pinned refused=io_uring_setup!,userfaultfd!,bpf!,perf_event_open!,keyctl!,add_key!,kexec_load!,init_module!,* verdict=deterministic
// Calls without a place in a box are refused with the errno that their manual documents, and are named.
#include "check.h"
#include <sys/syscall.h>

static void refused(const char *name, long nr, int want, long a, long b, long c)
{
	errno = 0;
	long r = syscall(nr, a, b, c, 0, 0, 0);
	printf("%s %ld %s\n", name, r < 0 ? r : 0, errname(errno));
	/* Where the manual has EPERM, the errno of a kernel without the call does as well. */
	if (boxed() && (r != -1 || (want && errno != want && errno != ENOSYS)))
		FAIL("%s = %ld, want %s", name, r, errname(want));
	if (r > 2)
		close(r);
}

int main(void)
{
	static char buf[256];
	refused("io_uring_setup", SYS_io_uring_setup, ENOSYS, 1, (long)buf, 0);
	refused("userfaultfd", SYS_userfaultfd, 0, 0, 0, 0);
	refused("bpf", SYS_bpf, EPERM, 0, (long)buf, 48);
	refused("perf_event_open", SYS_perf_event_open, 0, (long)buf, 0, -1);
	refused("add_key", SYS_add_key, 0, (long)"user", (long)"x", (long)"y");
	refused("keyctl", SYS_keyctl, 0, 0, -3, 0);
	refused("kexec_load", SYS_kexec_load, EPERM, 0, 0, 0);
	refused("init_module", SYS_init_module, EPERM, (long)buf, 8, (long)"");
	refused("finit_module", SYS_finit_module, EPERM, 0, (long)"", 0);
	refused("delete_module", SYS_delete_module, EPERM, (long)"x", 0, 0);
	refused("reboot", SYS_reboot, EPERM, 0xfee1dead, 672274793, 0);
	refused("swapon", SYS_swapon, EPERM, (long)"x", 0, 0);
	refused("iopl", SYS_iopl, EPERM, 3, 0, 0);
	refused("ioperm", SYS_ioperm, EPERM, 0x80, 1, 1);
	refused("syslog", SYS_syslog, EPERM, 2, (long)buf, 10);
	refused("acct", SYS_acct, EPERM, (long)"x", 0, 0);
	refused("quotactl", SYS_quotactl, 0, 0, 0, 0);
	refused("lookup_dcookie", SYS_lookup_dcookie, 0, 0, (long)buf, 10);
	refused("number 470 and up", 471, 0, 0, 0, 0);
	refused("number 9999", 9999, ENOSYS, 0, 0, 0);
	refused("number -2", -2, ENOSYS, 0, 0, 0);
	return 0;
}
