package policy

import "golang.org/x/sys/unix"

const (
	whyFork     = "a new task: the engine places its pid, seeds it and puts it in the order; flags are judged by rule"
	whyExec     = "a new program begins, and with it a new record: the image is inspected, pinned and patched"
	whyExit     = "the end of a task is what waits, pipes and orphans hang on"
	whyPID      = "pids are placed, but which one a process has is an observation of the tree around it"
	whyGroup    = "process groups decide who a signal reaches"
	whySend     = "a signal to another task arrives at a place that the engine decides"
	whySigWait  = "waits for a signal from another task"
	whyPidfd    = "names a process that the engine knows, and waits for its end in order; a box with one makes one call at a time"
	whyNewFutex = "as futex: who waits is held by the engine"
)

// processRows are the calls on tasks and signals.
var processRows = []Row{
	unix.SYS_FORK: {Name: "fork", Class: Control, Access: "create pid", Why: whyFork},
	unix.SYS_VFORK: {Name: "vfork", Class: Control, Access: "create pid",
		Why: whyFork + "; the parent is not runnable until the child execs or exits"},
	unix.SYS_CLONE: {Name: "clone", Class: Control,
		Args: "flags:clone stack:addr parent_tid:out child_tid:out tls:addr", Access: "create pid", Why: whyFork},
	unix.SYS_CLONE3: {Name: "clone3", Class: Control,
		Args: "cl_args:in size:size", Access: "create pid", Why: whyFork},
	unix.SYS_EXECVE: {Name: "execve", Class: Control,
		Args: "path:path argv:strvec envp:strvec", Access: "probe entry, read metadata, read content, write life", Why: whyExec},
	unix.SYS_EXECVEAT: {Name: "execveat", Class: Control,
		Args:   "dirfd:dirfd path:path argv:strvec envp:strvec flags:hex",
		Access: "probe entry, read metadata, read content, write life", Why: whyExec},
	unix.SYS_EXIT: {Name: "exit", Class: Control,
		Args: "status:int", Access: "write life", Why: whyExit},
	unix.SYS_EXIT_GROUP: {Name: "exit_group", Class: Control,
		Args: "status:int", Access: "write life", Why: whyExit},
	unix.SYS_WAIT4: {Name: "wait4", Class: Order,
		Args: "pid:pid wstatus:out options:hex rusage:out", Access: "read life, read pid",
		Why: "which child is reaped, and when, is ordered; resource usage is rewritten"},
	unix.SYS_WAITID: {Name: "waitid", Class: Order,
		Args: "idtype:int id:pid infop:out options:hex rusage:out", Access: "read life, read pid",
		Why: "which child is reaped, and when, is ordered; resource usage is rewritten"},
	unix.SYS_SET_TID_ADDRESS: {Name: "set_tid_address", Class: Pass,
		Args: "tidptr:addr",
		Why: "sets a word of the process's own memory to clear at exit and returns the thread id, which the engine placed; " +
			"every program calls it at its start, so the id is no observation of the program's"},
	unix.SYS_SET_ROBUST_LIST: {Name: "set_robust_list", Class: Pass,
		Args: "head:addr len:size",
		Why:  "sets a pointer of the task's own that the kernel walks at its exit; returns 0 or EINVAL by the length alone"},
	unix.SYS_GET_ROBUST_LIST: {Name: "get_robust_list", Class: Refuse, Errno: unix.EPERM,
		Args: "pid:pid head_ptr:out sizep:out",
		Why:  "reads another task's state behind the engine; made for checkpointing"},
	unix.SYS_RESTART_SYSCALL: {Name: "restart_syscall", Class: Order,
		Why: "resumes a blocked call after a stop: what it waits for is the engine's"},

	unix.SYS_GETPID:  {Name: "getpid", Class: Data, Access: "read pid", Why: whyPID},
	unix.SYS_GETPPID: {Name: "getppid", Class: Data, Access: "read pid, read life", Why: whyPID + "; it changes when the parent exits"},
	unix.SYS_GETTID:  {Name: "gettid", Class: Data, Access: "read pid", Why: whyPID},
	unix.SYS_GETPGRP: {Name: "getpgrp", Class: Data, Access: "read pid", Why: whyPID},
	unix.SYS_GETPGID: {Name: "getpgid", Class: Data, Args: "pid:pid", Access: "read pid, read life", Why: whyPID},
	unix.SYS_GETSID:  {Name: "getsid", Class: Data, Args: "pid:pid", Access: "read pid, read life", Why: whyPID},
	unix.SYS_SETPGID: {Name: "setpgid", Class: Control,
		Args: "pid:pid pgid:pid", Access: "read life", Why: whyGroup},
	unix.SYS_SETSID: {Name: "setsid", Class: Control, Access: "read pid", Why: whyGroup},

	unix.SYS_KILL: {Name: "kill", Class: Control,
		Args: "pid:pid sig:signal", Access: "read life, write life", Why: whySend},
	unix.SYS_TKILL: {Name: "tkill", Class: Control,
		Args: "tid:pid sig:signal", Access: "read life, write life", Why: whySend + "; to oneself, as raise and abort do, at once"},
	unix.SYS_TGKILL: {Name: "tgkill", Class: Control,
		Args: "tgid:pid tid:pid sig:signal", Access: "read life, write life", Why: whySend + "; to oneself, as raise and abort do, at once"},
	unix.SYS_RT_SIGQUEUEINFO: {Name: "rt_sigqueueinfo", Class: Control,
		Args: "tgid:pid sig:signal info:in", Access: "read life, write life", Why: whySend},
	unix.SYS_RT_TGSIGQUEUEINFO: {Name: "rt_tgsigqueueinfo", Class: Control,
		Args: "tgid:pid tid:pid sig:signal info:in", Access: "read life, write life", Why: whySend},
	unix.SYS_RT_SIGACTION: {Name: "rt_sigaction", Class: Pass,
		Args: "signum:signal act:in oldact:out sigsetsize:size",
		Trap: []Cond{{Arg: 0, Op: Eq, Mask: 1<<32 - 1, Value: uint64(unix.SIGCHLD)}},
		Why:  "sets and returns a disposition that only the process's own calls changed; that of SIGCHLD decides whether children leave zombies"},
	unix.SYS_RT_SIGPROCMASK: {Name: "rt_sigprocmask", Class: Pass,
		Args: "how:int set:in oldset:out sigsetsize:size",
		Why:  "sets and returns a mask that only the process's own calls changed; a signal let in by it stops at its delivery"},
	unix.SYS_RT_SIGRETURN: {Name: "rt_sigreturn", Class: Pass,
		Why: "restores registers and mask from the process's own stack"},
	unix.SYS_SIGALTSTACK: {Name: "sigaltstack", Class: Pass,
		Args: "ss:in old_ss:out",
		Why:  "sets and returns the place of the task's own signal stack; the least size is a constant"},
	unix.SYS_RT_SIGPENDING: {Name: "rt_sigpending", Class: Order,
		Args: "set:out sigsetsize:size", Access: "read life",
		Why: "shows whether another task's signal has already arrived"},
	unix.SYS_RT_SIGSUSPEND: {Name: "rt_sigsuspend", Class: Order,
		Args: "mask:in sigsetsize:size", Access: "read life", Why: whySigWait},
	unix.SYS_RT_SIGTIMEDWAIT: {Name: "rt_sigtimedwait", Class: Order,
		Args: "set:in info:out timeout:in sigsetsize:size", Access: "read life", Why: whySigWait + ", or for virtual time"},
	unix.SYS_PAUSE: {Name: "pause", Class: Order, Access: "read life", Why: whySigWait},

	unix.SYS_PIDFD_OPEN: {Name: "pidfd_open", Class: Control,
		Args: "pid:pid flags:open", Access: "read life",
		Why: whyPidfd},
	unix.SYS_PIDFD_SEND_SIGNAL: {Name: "pidfd_send_signal", Class: Control,
		Args: "pidfd:fd sig:signal info:in flags:hex", Access: "read life, write life",
		Why: "a signal to another task arrives at a place that the engine decides"},
	unix.SYS_PIDFD_GETFD: {Name: "pidfd_getfd", Class: Refuse, Errno: unix.ENOSYS,
		Args: "pidfd:fd targetfd:fd flags:hex", Why: "takes a descriptor from another process, behind the engine; kernels before 5.6 answer so"},

	unix.SYS_FUTEX: {Name: "futex", Class: Order,
		Args: "uaddr:inout op:hex val:uint timeout:word uaddr2:inout val3:uint",
		Why: "who waits is held by the engine, and woken in the order in which threads began to wait; a box with threads makes one " +
			"call at a time. Alone in its memory, a process finds nobody to wake. Priorities mean nothing; FUTEX_WAIT_REQUEUE_PI and CMP_REQUEUE_PI are refused ENOSYS"},
	unix.SYS_FUTEX_WAITV: {Name: "futex_waitv", Class: Order,
		Args: "waiters:in nr_futexes:uint flags:hex timeout:in clockid:clock", Why: whyNewFutex},
	unix.SYS_FUTEX_WAKE: {Name: "futex_wake", Class: Order,
		Args: "uaddr:inout mask:word nr:int flags:hex", Why: whyNewFutex},
	unix.SYS_FUTEX_WAIT: {Name: "futex_wait", Class: Order,
		Args: "uaddr:inout val:word mask:word flags:hex timeout:in clockid:clock", Why: whyNewFutex},
	unix.SYS_FUTEX_REQUEUE: {Name: "futex_requeue", Class: Order,
		Args: "waiters:in flags:hex nr_wake:int nr_requeue:int", Why: whyNewFutex},
}
