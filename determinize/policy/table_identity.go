package policy

import "golang.org/x/sys/unix"

const (
	whyOwnIDs = "returns ids of the process as its user namespace maps them: the box's one user and group, whoever runs it"
	whySetIDs = "the user namespace maps one user and one group: setting them succeeds, any other id is EINVAL or EPERM, " +
		"by the arguments and the process's own ids alone"
	whySched = "scheduling decides nothing a box can see: the engine keeps the values and answers them"
	whyLimit = "limits are pinned; lowering one is kept and given to the kernel where its effect is deterministic"
	whyCaps  = "the full set ends at the host kernel's last capability"
)

// identityRows are the calls on users, groups, capabilities, limits,
// scheduling and the other attributes of a process.
var identityRows = []Row{
	unix.SYS_GETUID:    {Name: "getuid", Class: Pass, Why: whyOwnIDs},
	unix.SYS_GETGID:    {Name: "getgid", Class: Pass, Why: whyOwnIDs},
	unix.SYS_GETEUID:   {Name: "geteuid", Class: Pass, Why: whyOwnIDs},
	unix.SYS_GETEGID:   {Name: "getegid", Class: Pass, Why: whyOwnIDs},
	unix.SYS_GETRESUID: {Name: "getresuid", Class: Pass, Args: "ruid:out euid:out suid:out", Why: whyOwnIDs},
	unix.SYS_GETRESGID: {Name: "getresgid", Class: Pass, Args: "rgid:out egid:out sgid:out", Why: whyOwnIDs},
	unix.SYS_SETUID:    {Name: "setuid", Class: Emulate, Args: "uid:id", Why: whySetIDs},
	unix.SYS_SETGID:    {Name: "setgid", Class: Emulate, Args: "gid:id", Why: whySetIDs},
	unix.SYS_SETREUID:  {Name: "setreuid", Class: Emulate, Args: "ruid:id euid:id", Why: whySetIDs},
	unix.SYS_SETREGID:  {Name: "setregid", Class: Emulate, Args: "rgid:id egid:id", Why: whySetIDs},
	unix.SYS_SETRESUID: {Name: "setresuid", Class: Emulate, Args: "ruid:id euid:id suid:id", Why: whySetIDs},
	unix.SYS_SETRESGID: {Name: "setresgid", Class: Emulate, Args: "rgid:id egid:id sgid:id", Why: whySetIDs},
	unix.SYS_SETFSUID: {Name: "setfsuid", Class: Control, Args: "fsuid:id",
		Why: "returns the id before, which is the box's one user: the namespace maps no other to change to; in a container the engine learns who looks at files"},
	unix.SYS_SETFSGID: {Name: "setfsgid", Class: Control, Args: "fsgid:id",
		Why: "returns the id before, which is the box's one group: the namespace maps no other to change to; in a container the engine learns who looks at files"},
	unix.SYS_GETGROUPS: {Name: "getgroups", Class: Emulate,
		Args: "size:int list:out",
		Why:  "an ordinary caller's supplementary groups can't be dropped and would show as 65534: the box's one group is answered"},
	unix.SYS_SETGROUPS: {Name: "setgroups", Class: Control,
		Args: "size:int list:in",
		Why:  "EPERM in a box: denied in a user namespace that an ordinary user made, so for every caller; in a container the kernel decides"},

	unix.SYS_CAPGET: {Name: "capget", Class: Emulate,
		Args: "hdrp:inout datap:out", Why: whyCaps + ", so the engine answers"},
	unix.SYS_CAPSET: {Name: "capset", Class: Control,
		Args: "hdrp:inout datap:in", Why: whyCaps + ", so the engine checks the sets that capget answered"},
	unix.SYS_PRCTL: {Name: "prctl", Class: Control,
		Args: "option:prctl arg2:word arg3:word arg4:word arg5:word",
		Why:  "means something else for every option: judged by rule, unknown ones answered EINVAL"},
	unix.SYS_ARCH_PRCTL: {Name: "arch_prctl", Class: Pass,
		Trap: []Cond{
			{Arg: 0, Op: Ne, Mask: ^uint64(7), Value: archSetGS &^ 7},
			{Arg: 0, Op: Eq, Value: archSetGS &^ 7},
			{Arg: 0, Op: Ge, Value: archGetGS + 1},
		},
		Args: "option:archprctl addr:word",
		Why: "only ARCH_SET_FS, ARCH_SET_GS, ARCH_GET_FS and ARCH_GET_GS pass: they read and set the task's own segment " +
			"bases; every other option stops and is judged by rule"},
	unix.SYS_PERSONALITY: {Name: "personality", Class: Control,
		Args: "persona:word",
		Why:  "address randomisation is off through it and must stay off; the engine answers the plain persona"},
	unix.SYS_SECCOMP: {Name: "seccomp", Class: Control,
		Args: "operation:uint flags:hex args:in",
		Why:  "the guest's filter would outrank the box's: the engine installs a rewritten one"},
	unix.SYS_PTRACE: {Name: "ptrace", Class: Refuse, Errno: unix.EPERM,
		Args: "request:long pid:pid addr:addr data:word",
		Why:  "a task has one tracer, and that is the box's"},

	unix.SYS_GETRLIMIT: {Name: "getrlimit", Class: Emulate,
		Args: "resource:int rlim:out", Why: "the caller's limits are the host's; the box's are pinned"},
	unix.SYS_SETRLIMIT: {Name: "setrlimit", Class: Control,
		Args: "resource:int rlim:in", Why: whyLimit},
	unix.SYS_PRLIMIT64: {Name: "prlimit64", Class: Control,
		Args: "pid:pid resource:int new_limit:in old_limit:out", Why: whyLimit},
	unix.SYS_GETRUSAGE: {Name: "getrusage", Class: Emulate,
		Args: "who:int usage:out",
		Why:  "times are a function of the process's own calls; memory, faults and switches are the host's and answered 0"},

	unix.SYS_GETPRIORITY: {Name: "getpriority", Class: Emulate, Args: "which:int who:pid", Why: whySched},
	unix.SYS_SETPRIORITY: {Name: "setpriority", Class: Emulate, Args: "which:int who:pid prio:int", Why: whySched},
	unix.SYS_IOPRIO_GET:  {Name: "ioprio_get", Class: Emulate, Args: "which:int who:pid", Why: whySched},
	unix.SYS_IOPRIO_SET:  {Name: "ioprio_set", Class: Emulate, Args: "which:int who:pid ioprio:int", Why: whySched},
	unix.SYS_SCHED_YIELD: {Name: "sched_yield", Class: Order,
		Why: "gives way to the next task, in the engine's order"},
	unix.SYS_SCHED_SETPARAM: {Name: "sched_setparam", Class: Emulate, Args: "pid:pid param:in", Why: whySched},
	unix.SYS_SCHED_GETPARAM: {Name: "sched_getparam", Class: Emulate, Args: "pid:pid param:out", Why: whySched},
	unix.SYS_SCHED_SETSCHEDULER: {Name: "sched_setscheduler", Class: Emulate,
		Args: "pid:pid policy:int param:in", Why: whySched},
	unix.SYS_SCHED_GETSCHEDULER: {Name: "sched_getscheduler", Class: Emulate, Args: "pid:pid", Why: whySched},
	unix.SYS_SCHED_GET_PRIORITY_MAX: {Name: "sched_get_priority_max", Class: Emulate,
		Args: "policy:int", Why: "constants, but which policies exist depends on the kernel"},
	unix.SYS_SCHED_GET_PRIORITY_MIN: {Name: "sched_get_priority_min", Class: Emulate,
		Args: "policy:int", Why: "constants, but which policies exist depends on the kernel"},
	unix.SYS_SCHED_RR_GET_INTERVAL: {Name: "sched_rr_get_interval", Class: Emulate,
		Args: "pid:pid tp:out", Why: "the time slice is the host's setting"},
	unix.SYS_SCHED_SETATTR: {Name: "sched_setattr", Class: Emulate,
		Args: "pid:pid attr:in flags:hex", Why: whySched},
	unix.SYS_SCHED_GETATTR: {Name: "sched_getattr", Class: Emulate,
		Args: "pid:pid attr:out size:uint flags:hex", Why: whySched},
	unix.SYS_SCHED_SETAFFINITY: {Name: "sched_setaffinity", Class: Emulate,
		Args: "pid:pid cpusetsize:uint mask:in",
		Why:  "the number of processors that a box sees is pinned; the mask is kept and decides nothing"},
	unix.SYS_SCHED_GETAFFINITY: {Name: "sched_getaffinity", Class: Emulate,
		Args: "pid:pid cpusetsize:uint mask:out",
		Why:  "the number of processors that a box sees is pinned"},
	unix.SYS_GETCPU: {Name: "getcpu", Class: Emulate,
		Args: "cpu:out node:out tcache:word",
		Why:  "the processor that a task runs on is the host's choice: 0 is answered"},
}
