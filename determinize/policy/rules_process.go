package policy

import "golang.org/x/sys/unix"

const (
	whyTermSig  = "sends SIGIO when the kernel finds a descriptor ready; not supported yet"
	whyLease    = "breaks of a lease and directory events come by signal, in the kernel's order; kernels built without them answer so"
	whyHint     = "hints about the life of data, which not every kernel and file system has"
	whyOtherCPU = "for another architecture; x86-64 answers so"
	whyCPUBug   = "which mitigations exist depends on the processor; this is the answer of a kernel without the option"
	whyOption   = "depends on the kernel's configuration or version; this is the answer of a kernel without the option"
	whySelf     = "an attribute of the process's own, with the same start in every box"
)

// F_CANCELLK has no constant in x/sys/unix.
const fCancelLock = 1029

// Fcntls judges the command of fcntl(2).
var Fcntls = Rules{
	Name:    "fcntl commands",
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a command that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.F_DUPFD, "F_DUPFD", Control, 0, whyFDs},
		{unix.F_GETFD, "F_GETFD", Pass, 0, "a flag of the process's own descriptor"},
		{unix.F_SETFD, "F_SETFD", Pass, 0, "a flag of the process's own descriptor; what it closes is seen at the exec"},
		{unix.F_GETFL, "F_GETFL", Data, 0, "the access mode and status flags of the description, which another process may have set"},
		{unix.F_SETFL, "F_SETFL", Control, 0, "O_NONBLOCK and O_APPEND decide how calls on the description are ordered; O_ASYNC is refused"},
		{unix.F_GETLK, "F_GETLK", Order, 0, "who holds a lock is a matter between tasks; the answer contains a pid"},
		{unix.F_SETLK, "F_SETLK", Order, 0, "who gets a lock is a matter between tasks"},
		{unix.F_SETLKW, "F_SETLKW", Order, 0, "who gets a lock, and in what order, is a matter between tasks"},
		{unix.F_SETOWN, "F_SETOWN", Refuse, unix.EINVAL, whyTermSig},
		{unix.F_GETOWN, "F_GETOWN", Emulate, 0, "no descriptor has an owner: 0"},
		{unix.F_SETSIG, "F_SETSIG", Refuse, unix.EINVAL, whyTermSig},
		{unix.F_GETSIG, "F_GETSIG", Emulate, 0, "no descriptor has a signal of its own: 0"},
		{unix.F_SETOWN_EX, "F_SETOWN_EX", Refuse, unix.EINVAL, whyTermSig},
		{unix.F_GETOWN_EX, "F_GETOWN_EX", Refuse, unix.EINVAL, whyTermSig},
		{unix.F_OFD_GETLK, "F_OFD_GETLK", Order, 0, "who holds a lock is a matter between tasks"},
		{unix.F_OFD_SETLK, "F_OFD_SETLK", Order, 0, "who gets a lock is a matter between tasks"},
		{unix.F_OFD_SETLKW, "F_OFD_SETLKW", Order, 0, "who gets a lock, and in what order, is a matter between tasks"},
		{unix.F_SETLEASE, "F_SETLEASE", Refuse, unix.EINVAL, whyLease},
		{unix.F_GETLEASE, "F_GETLEASE", Refuse, unix.EINVAL, whyLease},
		{unix.F_NOTIFY, "F_NOTIFY", Refuse, unix.EINVAL, whyLease},
		{unix.F_DUPFD_QUERY, "F_DUPFD_QUERY", Refuse, unix.EINVAL, whyOption},
		{unix.F_CREATED_QUERY, "F_CREATED_QUERY", Refuse, unix.EINVAL, whyOption},
		{fCancelLock, "F_CANCELLK", Refuse, unix.EINVAL, "the kernel's own; it answers user space so"},
		{unix.F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC", Control, 0, whyFDs},
		{unix.F_SETPIPE_SZ, "F_SETPIPE_SZ", Control, 0, "the capacity decides when a writer blocks, and how far it may grow is the host's setting"},
		{unix.F_GETPIPE_SZ, "F_GETPIPE_SZ", Emulate, 0, "the kernel shrinks pipes past a user's quota: the modelled capacity is answered"},
		{unix.F_ADD_SEALS, "F_ADD_SEALS", Data, 0, "changes what may be done to the memory file behind a descriptor, for all that hold it"},
		{unix.F_GET_SEALS, "F_GET_SEALS", Data, 0, "an observation of the memory file behind a descriptor"},
		{unix.F_GET_RW_HINT, "F_GET_RW_HINT", Refuse, unix.EINVAL, whyHint},
		{unix.F_SET_RW_HINT, "F_SET_RW_HINT", Refuse, unix.EINVAL, whyHint},
		{unix.F_GET_FILE_RW_HINT, "F_GET_FILE_RW_HINT", Refuse, unix.EINVAL, whyHint},
		{unix.F_SET_FILE_RW_HINT, "F_SET_FILE_RW_HINT", Refuse, unix.EINVAL, whyHint},
	},
}

// Prctls judges the option of prctl(2).
var Prctls = Rules{
	Name:    "prctl options",
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "an option that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", Control, 0, "a signal at the parent's exit, delivered where the engine decides"},
		{unix.PR_GET_PDEATHSIG, "PR_GET_PDEATHSIG", Pass, 0, whySelf},
		{unix.PR_GET_DUMPABLE, "PR_GET_DUMPABLE", Emulate, 0, "the engine keeps the value that the process set"},
		{unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE", Emulate, 0, "the engine keeps the value: the kernel would hide the process's memory from the engine"},
		{unix.PR_GET_UNALIGN, "PR_GET_UNALIGN", Refuse, unix.EINVAL, whyOtherCPU},
		{unix.PR_SET_UNALIGN, "PR_SET_UNALIGN", Refuse, unix.EINVAL, whyOtherCPU},
		{unix.PR_GET_KEEPCAPS, "PR_GET_KEEPCAPS", Pass, 0, whySelf},
		{unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS", Pass, 0, whySelf},
		{unix.PR_GET_TIMING, "PR_GET_TIMING", Pass, 0, "a constant"},
		{unix.PR_SET_TIMING, "PR_SET_TIMING", Pass, 0, "accepts the constant alone"},
		{unix.PR_SET_NAME, "PR_SET_NAME", Pass, 0, whySelf},
		{unix.PR_GET_NAME, "PR_GET_NAME", Pass, 0, whySelf},
		{unix.PR_GET_SECCOMP, "PR_GET_SECCOMP", Emulate, 0, "the box's own filter must not show"},
		{unix.PR_SET_SECCOMP, "PR_SET_SECCOMP", Control, 0, "as seccomp(2): the engine installs a rewritten filter"},
		{unix.PR_CAPBSET_READ, "PR_CAPBSET_READ", Emulate, 0, whyCaps},
		{unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP", Control, 0, whyCaps},
		{unix.PR_GET_TSC, "PR_GET_TSC", Emulate, 0, "the counter is trapped and answered, and looks enabled"},
		{unix.PR_SET_TSC, "PR_SET_TSC", Refuse, unix.EINVAL, "the box's trap of rdtsc must stay"},
		{unix.PR_GET_SECUREBITS, "PR_GET_SECUREBITS", Pass, 0, whySelf},
		{unix.PR_SET_SECUREBITS, "PR_SET_SECUREBITS", Pass, 0, whySelf},
		{unix.PR_SET_TIMERSLACK, "PR_SET_TIMERSLACK", Emulate, 0, "sleeps are virtual and exact: the value is kept and does nothing"},
		{unix.PR_GET_TIMERSLACK, "PR_GET_TIMERSLACK", Emulate, 0, "the start would be the caller's"},
		{unix.PR_TASK_PERF_EVENTS_DISABLE, "PR_TASK_PERF_EVENTS_DISABLE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_TASK_PERF_EVENTS_ENABLE, "PR_TASK_PERF_EVENTS_ENABLE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_MCE_KILL, "PR_MCE_KILL", Refuse, unix.EINVAL, whyOption},
		{unix.PR_MCE_KILL_GET, "PR_MCE_KILL_GET", Refuse, unix.EINVAL, whyOption},
		{unix.PR_SET_MM, "PR_SET_MM", Refuse, unix.EPERM, "moves what /proc shows of the address space; needs CAP_SYS_RESOURCE natively"},
		{unix.PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER", Control, 0, "decides who inherits orphans"},
		{unix.PR_GET_CHILD_SUBREAPER, "PR_GET_CHILD_SUBREAPER", Pass, 0, whySelf},
		{unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", Emulate, 0, "always set in a box; the engine keeps what the process believes"},
		{unix.PR_GET_NO_NEW_PRIVS, "PR_GET_NO_NEW_PRIVS", Emulate, 0, "always set in a box; the engine keeps what the process believes"},
		{unix.PR_GET_TID_ADDRESS, "PR_GET_TID_ADDRESS", Refuse, unix.EINVAL, whyOption},
		{unix.PR_SET_THP_DISABLE, "PR_SET_THP_DISABLE", Emulate, 0, "huge pages show in no result: the value is kept"},
		{unix.PR_GET_THP_DISABLE, "PR_GET_THP_DISABLE", Emulate, 0, "the start would be the caller's"},
		{unix.PR_MPX_ENABLE_MANAGEMENT, "PR_MPX_ENABLE_MANAGEMENT", Refuse, unix.EINVAL, "removed in Linux 5.4"},
		{unix.PR_MPX_DISABLE_MANAGEMENT, "PR_MPX_DISABLE_MANAGEMENT", Refuse, unix.EINVAL, "removed in Linux 5.4"},
		{unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT", Control, 0, whyCaps},
		{unix.PR_GET_SPECULATION_CTRL, "PR_GET_SPECULATION_CTRL", Refuse, unix.EINVAL, whyCPUBug},
		{unix.PR_SET_SPECULATION_CTRL, "PR_SET_SPECULATION_CTRL", Refuse, unix.EINVAL, whyCPUBug},
		{unix.PR_SET_IO_FLUSHER, "PR_SET_IO_FLUSHER", Refuse, unix.EPERM, "for storage daemons; needs CAP_SYS_RESOURCE natively"},
		{unix.PR_GET_IO_FLUSHER, "PR_GET_IO_FLUSHER", Refuse, unix.EPERM, "for storage daemons; needs CAP_SYS_RESOURCE natively"},
		{unix.PR_SET_SYSCALL_USER_DISPATCH, "PR_SET_SYSCALL_USER_DISPATCH", Refuse, unix.EINVAL, "turns calls into signals before the box's filter sees them"},
		{unix.PR_SCHED_CORE, "PR_SCHED_CORE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_SET_MDWE, "PR_SET_MDWE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_GET_MDWE, "PR_GET_MDWE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_SET_MEMORY_MERGE, "PR_SET_MEMORY_MERGE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_GET_MEMORY_MERGE, "PR_GET_MEMORY_MERGE", Refuse, unix.EINVAL, whyOption},
		{unix.PR_GET_SHADOW_STACK_STATUS, "PR_GET_SHADOW_STACK_STATUS", Refuse, unix.EINVAL, whyOtherCPU},
		{unix.PR_SET_SHADOW_STACK_STATUS, "PR_SET_SHADOW_STACK_STATUS", Refuse, unix.EINVAL, whyOtherCPU},
		{unix.PR_LOCK_SHADOW_STACK_STATUS, "PR_LOCK_SHADOW_STACK_STATUS", Refuse, unix.EINVAL, whyOtherCPU},
		{unix.PR_TIMER_CREATE_RESTORE_IDS, "PR_TIMER_CREATE_RESTORE_IDS", Refuse, unix.EINVAL, whyOption},
		{unix.PR_FUTEX_HASH, "PR_FUTEX_HASH", Refuse, unix.EINVAL, whyOption},
		{unix.PR_GET_AUXV, "PR_GET_AUXV", Refuse, unix.EINVAL, whyOption},
		{unix.PR_SET_VMA, "PR_SET_VMA", Refuse, unix.EINVAL, "names of mappings show in /proc/PID/maps; kernels built without them answer so"},
		{unix.PR_SET_PTRACER, "PR_SET_PTRACER", Refuse, unix.EINVAL, "tracing is the box's; kernels without Yama answer so"},
	},
}

// Options of arch_prctl(2), from asm/prctl.h; x/sys/unix has none of them.
const (
	archSetGS = 0x1001
	archSetFS = 0x1002
	archGetFS = 0x1003
	archGetGS = 0x1004
)

// ArchPrctls judges the option of arch_prctl(2).
var ArchPrctls = Rules{
	Name:    "arch_prctl options",
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "an option that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{archSetGS, "ARCH_SET_GS", Pass, 0, "the task's own segment base"},
		{archSetFS, "ARCH_SET_FS", Pass, 0, "the task's own segment base"},
		{archGetFS, "ARCH_GET_FS", Pass, 0, "the task's own segment base"},
		{archGetGS, "ARCH_GET_GS", Pass, 0, "the task's own segment base"},
		{0x1011, "ARCH_GET_CPUID", Emulate, 0, "the instruction looks enabled, also where the box traps it"},
		{0x1012, "ARCH_SET_CPUID", Refuse, unix.ENODEV, "faulting depends on the processor, and is the box's to use; the answer of one without"},
		{0x1021, "ARCH_GET_XCOMP_SUPP", Refuse, unix.EINVAL, "tells which state the processor has"},
		{0x1022, "ARCH_GET_XCOMP_PERM", Refuse, unix.EINVAL, "tells which state the processor has"},
		{0x1023, "ARCH_REQ_XCOMP_PERM", Refuse, unix.EINVAL, "asks for state that not every processor has"},
		{0x1024, "ARCH_GET_XCOMP_GUEST_PERM", Refuse, unix.EINVAL, "tells which state the processor has"},
		{0x1025, "ARCH_REQ_XCOMP_GUEST_PERM", Refuse, unix.EINVAL, "asks for state that not every processor has"},
		{0x2001, "ARCH_MAP_VDSO_X32", Refuse, unix.EINVAL, "maps code that reads the host's clock"},
		{0x2002, "ARCH_MAP_VDSO_32", Refuse, unix.EINVAL, "maps code that reads the host's clock"},
		{0x2003, "ARCH_MAP_VDSO_64", Refuse, unix.EINVAL, "maps code that reads the host's clock"},
		{0x3001, "ARCH_CET_STATUS", Refuse, unix.EINVAL, "never in a released kernel; the C library asks and copes"},
		{0x4001, "ARCH_GET_UNTAG_MASK", Refuse, unix.EINVAL, "address tags depend on the processor"},
		{0x4002, "ARCH_ENABLE_TAGGED_ADDR", Refuse, unix.EINVAL, "address tags depend on the processor"},
		{0x4003, "ARCH_GET_MAX_TAG_BITS", Refuse, unix.EINVAL, "address tags depend on the processor"},
		{0x4004, "ARCH_FORCE_TAGGED_SVA", Refuse, unix.EINVAL, "address tags depend on the processor"},
		{0x5001, "ARCH_SHSTK_ENABLE", Refuse, unix.EINVAL, "shadow stacks depend on the processor"},
		{0x5002, "ARCH_SHSTK_DISABLE", Refuse, unix.EINVAL, "shadow stacks depend on the processor"},
		{0x5003, "ARCH_SHSTK_LOCK", Refuse, unix.EINVAL, "shadow stacks depend on the processor"},
		{0x5004, "ARCH_SHSTK_UNLOCK", Refuse, unix.EINVAL, "shadow stacks depend on the processor"},
		{0x5005, "ARCH_SHSTK_STATUS", Refuse, unix.EINVAL, "shadow stacks depend on the processor"},
	},
}
