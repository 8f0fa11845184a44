// laplace: pinned refused=clone!,clone3!
// Each flag of clone and clone3: what makes a process of its own works, what would share with it, escape or join another is refused.
#include "check.h"
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct flag {
	const char *name;
	uint64_t bit;
	int want, want3; /* errno in a box */
};

#define FLAG(f, want, want3) {#f, f, want, want3}

static const struct flag flags[] = {
	FLAG(CLONE_IO, 0, 0),
	FLAG(CLONE_SYSVSEM, 0, 0),
	FLAG(CLONE_DETACHED, 0, EINVAL),
	FLAG(CLONE_CHILD_SETTID, 0, 0),
	FLAG(CLONE_CHILD_CLEARTID, 0, 0),
	FLAG(CLONE_PARENT_SETTID, 0, 0),
	FLAG(CLONE_VFORK, 0, 0),
	FLAG(CLONE_VM, EINVAL, EINVAL),
	FLAG(CLONE_FS, EINVAL, EINVAL),
	FLAG(CLONE_FILES, EINVAL, EINVAL),
	FLAG(CLONE_SIGHAND, EINVAL, EINVAL),
	FLAG(CLONE_THREAD, EINVAL, EINVAL),
	FLAG(CLONE_PIDFD, 0, EFAULT),
	FLAG(CLONE_PTRACE, EINVAL, EINVAL),
	FLAG(CLONE_UNTRACED, EINVAL, EINVAL),
	FLAG(CLONE_PARENT, EINVAL, EINVAL),
	FLAG(CLONE_NEWNS, EPERM, EPERM),
	FLAG(CLONE_NEWUTS, EPERM, EPERM),
	FLAG(CLONE_NEWIPC, EPERM, EPERM),
	FLAG(CLONE_NEWPID, EPERM, EPERM),
	FLAG(CLONE_NEWNET, EPERM, EPERM),
	FLAG(CLONE_NEWCGROUP, EPERM, EPERM),
	FLAG(CLONE_NEWUSER, EPERM, EPERM),
	{"CLONE_NEWTIME", CLONE_NEWTIME, -1, EPERM},
	{"CLONE_CLEAR_SIGHAND", CLONE_CLEAR_SIGHAND, -1, 0},
	{"CLONE_INTO_CGROUP", CLONE_INTO_CGROUP, -1, EOPNOTSUPP},
	{"1<<50", 1ULL << 50, -1, EINVAL},
};

static uint32_t word; /* where ids go */

/* result says what a call gave, and waits for the child. */
static void result(const char *name, long pid, int want)
{
	int e = pid < 0 ? errno : 0, status;
	if (pid > 0)
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%s %s\n", name, errname(e));
	if (boxed() && e != want)
		FAIL("%s: %s, want %s", name, errname(e), errname(want));
}

int main(void)
{
	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		const struct flag *f = &flags[i];
		/* Natively those would make a child that runs on this one's stack, or that is another's to wait for. */
		if (!boxed() && f->bit & (CLONE_VM | CLONE_PARENT | CLONE_PIDFD | CLONE_FS | CLONE_FILES))
			continue;
		if (f->want >= 0) {
			errno = 0;
			long pid = syscall(SYS_clone, f->bit | SIGCHLD, 0, &word, &word, 0);
			if (pid == 0)
				_exit(0);
			result(f->name, pid, f->want);
		}
		struct clone_args a = {.flags = f->bit, .exit_signal = SIGCHLD,
				       .parent_tid = (uintptr_t)&word, .child_tid = (uintptr_t)&word, .cgroup = 99};
		errno = 0;
		long pid = syscall(SYS_clone3, &a, sizeof a);
		if (pid == 0)
			_exit(0);
		result(f->name, pid, f->want3);
	}
	CHECK_ERR(wait(NULL), ECHILD);
	return 0;
}
