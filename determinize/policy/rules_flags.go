package policy

import "golang.org/x/sys/unix"

const (
	whyNewNS  = "namespaces are the box's own, and fixed"
	whyTidPtr = "a pid written to the process's own memory; the engine placed it"
	whyResolv = "a limit on how the path is resolved, by the tree alone"
)

// SocketFamilies judges the domain of socket(2) and socketpair(2).
var SocketFamilies = Rules{
	Name:    "socket families",
	Default: Rule{Class: Refuse, Errno: unix.EAFNOSUPPORT, Why: "a family that nobody has judged; the manual's answer for one that the kernel lacks"},
	Rows: []Rule{
		{unix.AF_UNSPEC, "AF_UNSPEC", Refuse, unix.EAFNOSUPPORT, "no family; the kernel answers so"},
		{unix.AF_UNIX, "AF_UNIX", Order, 0, "between tasks of the box; what is outside has no name here"},
		{unix.AF_INET, "AF_INET", Order, 0, "TCP and UDP between tasks of the box, by the addresses of its loopback interface; ENETUNREACH for all others"},
		{unix.AF_INET6, "AF_INET6", Order, 0, "TCP and UDP between tasks of the box, by the addresses of its loopback interface; ENETUNREACH for all others"},
		{unix.AF_NETLINK, "AF_NETLINK", Emulate, 0, "tells of the box's network, its loopback interface, by NETLINK_ROUTE; all else would be the host kernel's configuration"},
		{unix.AF_PACKET, "AF_PACKET", Refuse, unix.EAFNOSUPPORT, "raw frames; needs CAP_NET_RAW natively"},
		{unix.AF_ALG, "AF_ALG", Refuse, unix.EAFNOSUPPORT, "the kernel's ciphers differ between hosts; programs use their own"},
		{unix.AF_VSOCK, "AF_VSOCK", Refuse, unix.EAFNOSUPPORT, "reaches the machine below the host"},
	},
}

// CloneFlags judges the flags of clone(2) and clone3(2). The low
// byte of clone's flags is the exit signal: the caller clears it first.
var CloneFlags = Rules{
	Name: "clone flags", Flags: true, Wide: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.CLONE_NEWTIME, "CLONE_NEWTIME", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_VM, "CLONE_VM", Control, 0, "a thread's, or allowed with CLONE_VFORK, where one of the two is stopped; else it makes processes that share memory, refused EINVAL"},
		{unix.CLONE_FS, "CLONE_FS", Control, 0, "a thread's; processes that share a working directory are refused EINVAL"},
		{unix.CLONE_FILES, "CLONE_FILES", Control, 0, "a thread's; processes that share descriptors are refused EINVAL"},
		{unix.CLONE_SIGHAND, "CLONE_SIGHAND", Control, 0, "a thread's; processes that share handlers are refused EINVAL"},
		{unix.CLONE_PIDFD, "CLONE_PIDFD", Control, 0, "the engine makes the descriptor; a thread's is refused EINVAL"},
		{unix.CLONE_PTRACE, "CLONE_PTRACE", Refuse, unix.EINVAL, "who traces a child is the box's business; only debuggers ask"},
		{unix.CLONE_VFORK, "CLONE_VFORK", Control, 0, "the parent is not runnable until the child execs or exits"},
		{unix.CLONE_PARENT, "CLONE_PARENT", Refuse, unix.EINVAL, "the child's parent would be the caller's; not supported yet, and the manual's answer to an init"},
		{unix.CLONE_THREAD, "CLONE_THREAD", Control, 0, "a thread: from the first one on the box makes one call at a time"},
		{unix.CLONE_NEWNS, "CLONE_NEWNS", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_SYSVSEM, "CLONE_SYSVSEM", Pass, 0, "shares undo lists of semaphores, of which there are none"},
		{unix.CLONE_SETTLS, "CLONE_SETTLS", Pass, 0, "the child's own segment base"},
		{unix.CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID", Pass, 0, whyTidPtr},
		{unix.CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID", Pass, 0, "clears a word of the child's own memory at its exit"},
		{unix.CLONE_DETACHED, "CLONE_DETACHED", Pass, 0, "clone ignores it; of clone3 the kernel refuses it"},
		{unix.CLONE_UNTRACED, "CLONE_UNTRACED", Refuse, unix.EINVAL, "would let the child escape the box's tracer"},
		{unix.CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID", Pass, 0, whyTidPtr},
		{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_NEWUTS, "CLONE_NEWUTS", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_NEWIPC, "CLONE_NEWIPC", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_NEWUSER, "CLONE_NEWUSER", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_NEWPID, "CLONE_NEWPID", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_NEWNET, "CLONE_NEWNET", Refuse, unix.EPERM, whyNewNS},
		{unix.CLONE_IO, "CLONE_IO", Pass, 0, "shares the disk scheduler's context, which shows in no result"},
		{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND", Control, 0, "the child starts with default dispositions"},
		{unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP", Refuse, unix.EOPNOTSUPP, "control groups are the host's"},
	},
}

// Flags of open(2) whose constants in x/sys/unix are 0 or several bits.
const (
	oLargeFile = 0x8000   // O_LARGEFILE of the kernel
	oSyncBit   = 0x100000 // __O_SYNC; O_SYNC is this and O_DSYNC
	oTmpFile   = 0x400000 // __O_TMPFILE; O_TMPFILE is this and O_DIRECTORY
)

// OpenFlags judges the flags of open(2), openat(2) and openat2(2). The kernel
// ignores unknown bits in the first two; the engine may do so too, as it
// passes on none of them.
var OpenFlags = Rules{
	Name: "open flags", Flags: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged; openat2's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.O_WRONLY, "O_WRONLY", Data, 0, "opens for writing; with O_RDWR, for neither, as ioctl users do"},
		{unix.O_RDWR, "O_RDWR", Data, 0, "opens for reading and writing"},
		{unix.O_CREAT, "O_CREAT", Data, 0, "may create the name, which counts as an access either way"},
		{unix.O_EXCL, "O_EXCL", Data, 0, "that the name did not exist is an observation"},
		{unix.O_NOCTTY, "O_NOCTTY", Control, 0, "without it, a terminal may become the session's"},
		{unix.O_TRUNC, "O_TRUNC", Data, 0, "writes content and stamps it"},
		{unix.O_APPEND, "O_APPEND", Data, 0, "where a write lands depends on the writes before"},
		{unix.O_NONBLOCK, "O_NONBLOCK", Order, 0, "whether a FIFO has its other end open, and whether a call would block, are matters between tasks"},
		{unix.O_DSYNC, "O_DSYNC", Pass, 0, "waits for the host's disk, which shows in no result"},
		{unix.O_ASYNC, "O_ASYNC", Pass, 0, "has no effect on open"},
		{unix.O_DIRECT, "O_DIRECT", Emulate, 0, "a hint about caching that not every file system takes: the kernel doesn't see it, but for a FIFO, where it means packets"},
		{oLargeFile, "O_LARGEFILE", Pass, 0, "implied on x86-64"},
		{unix.O_DIRECTORY, "O_DIRECTORY", Data, 0, "what kind of file it is, is an observation"},
		{unix.O_NOFOLLOW, "O_NOFOLLOW", Data, 0, "whether it is a symbolic link is an observation"},
		{unix.O_NOATIME, "O_NOATIME", Data, 0, "access times are virtual; the kernel asks for the file's owner"},
		{unix.O_CLOEXEC, "O_CLOEXEC", Control, 0, "closes the descriptor at exec; seen there"},
		{oSyncBit, "__O_SYNC", Pass, 0, "waits for the host's disk, which shows in no result"},
		{unix.O_PATH, "O_PATH", Data, 0, "names a file without opening it"},
		{oTmpFile, "__O_TMPFILE", Data, 0, "a file without a name, which counts as created at open; not every file system has them, so the engine decides"},
	},
}

// resolveCached is RESOLVE_CACHED, which x/sys/unix has not.
const resolveCached = 0x20

// ResolveFlags judges how.resolve of openat2(2).
var ResolveFlags = Rules{
	Name: "openat2 resolve flags", Flags: true, Wide: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.RESOLVE_NO_XDEV, "RESOLVE_NO_XDEV", Data, 0, whyResolv + " of mounts, which the box's configuration composed"},
		{unix.RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS", Data, 0, whyResolv},
		{unix.RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS", Data, 0, whyResolv},
		{unix.RESOLVE_BENEATH, "RESOLVE_BENEATH", Data, 0, whyResolv},
		{unix.RESOLVE_IN_ROOT, "RESOLVE_IN_ROOT", Data, 0, whyResolv},
		{resolveCached, "RESOLVE_CACHED", Refuse, unix.EAGAIN, "tells what the kernel has cached; the manual's answer when it has not"},
	},
}

// mapUninitialized is MAP_UNINITIALIZED, which x/sys/unix has not.
const mapUninitialized = 0x4000000

// MmapFlags judges the flags of mmap(2).
var MmapFlags = Rules{
	Name: "mmap flags", Flags: true, Wide: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged"},
	Rows: []Rule{
		{unix.MAP_SHARED, "MAP_SHARED", Data, 0, "writable, it is memory shared between tasks and a write to the file; with MAP_PRIVATE it reads MAP_SHARED_VALIDATE"},
		{unix.MAP_PRIVATE, "MAP_PRIVATE", Pass, 0, "changes nothing outside the process"},
		{unix.MAP_DROPPABLE, "MAP_DROPPABLE", Refuse, unix.EINVAL, "turns to zero under the host's memory pressure; older kernels answer so"},
		{unix.MAP_FIXED, "MAP_FIXED", Pass, 0, "the process chooses the place"},
		{unix.MAP_ANONYMOUS, "MAP_ANONYMOUS", Pass, 0, "zeroes"},
		{unix.MAP_32BIT, "MAP_32BIT", Pass, 0, "a place below 2 GiB, by the process's own earlier calls"},
		{unix.MAP_ABOVE4G, "MAP_ABOVE4G", Emulate, 0, "every place in a box is above 4 GiB unless asked otherwise; older kernels ignore it"},
		{unix.MAP_GROWSDOWN, "MAP_GROWSDOWN", Pass, 0, "grows as the process's own stack does"},
		{unix.MAP_DENYWRITE, "MAP_DENYWRITE", Pass, 0, "ignored by the kernel"},
		{unix.MAP_EXECUTABLE, "MAP_EXECUTABLE", Pass, 0, "ignored by the kernel"},
		{unix.MAP_LOCKED, "MAP_LOCKED", Emulate, 0, whyLock},
		{unix.MAP_NORESERVE, "MAP_NORESERVE", Pass, 0, "a hint to the host's accounting of memory"},
		{unix.MAP_POPULATE, "MAP_POPULATE", Emulate, 0, "fills pages early, which shows in no result, but takes the host's memory"},
		{unix.MAP_NONBLOCK, "MAP_NONBLOCK", Pass, 0, "ignored by the kernel"},
		{unix.MAP_STACK, "MAP_STACK", Pass, 0, "ignored by the kernel"},
		{unix.MAP_HUGETLB, "MAP_HUGETLB", Refuse, unix.ENOMEM, "huge pages are the host's setting; the answer of one that has none"},
		{unix.MAP_SYNC, "MAP_SYNC", Refuse, unix.EOPNOTSUPP, "persistent memory is the host's; the manual's answer of a file without"},
		{unix.MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE", Pass, 0, "the process chooses the place; EEXIST follows from its own earlier calls"},
		{mapUninitialized, "MAP_UNINITIALIZED", Emulate, 0, "ignored by kernels with memory protection, so the kernel doesn't see it"},
	},
}

// Protections that have no constant in x/sys/unix.
const protSem = 0x8 // PROT_SEM

// ProtFlags judges the protection of mmap(2) and mprotect(2).
var ProtFlags = Rules{
	Name: "memory protections", Flags: true, Wide: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a protection that nobody has judged; mprotect's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.PROT_READ, "PROT_READ", Pass, 0, "the process's own memory"},
		{unix.PROT_WRITE, "PROT_WRITE", Pass, 0, "the process's own memory, unless the mapping is shared"},
		{unix.PROT_EXEC, "PROT_EXEC", Pass, 0, "the process's own memory; code made at run time is not searched for untrapped instructions"},
		{protSem, "PROT_SEM", Pass, 0, "ignored on x86-64"},
		{unix.PROT_GROWSDOWN, "PROT_GROWSDOWN", Pass, 0, "the mapping's lower end, as for an executable stack"},
		{unix.PROT_GROWSUP, "PROT_GROWSUP", Refuse, unix.EINVAL, whyOtherCPU},
	},
}

// MremapFlags judges the flags of mremap(2).
var MremapFlags = Rules{
	Name: "mremap flags", Flags: true, Wide: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.MREMAP_MAYMOVE, "MREMAP_MAYMOVE", Pass, 0, "the new place follows from the process's own earlier calls"},
		{unix.MREMAP_FIXED, "MREMAP_FIXED", Pass, 0, "the process chooses the place"},
		{unix.MREMAP_DONTUNMAP, "MREMAP_DONTUNMAP", Refuse, unix.EINVAL, "kernels before 5.7 lack it, and before 5.13 for shared mappings"},
	},
}

// madvSoftOffline is MADV_SOFT_OFFLINE, which x/sys/unix has not.
const madvSoftOffline = 101

// Madvises judges the advice of madvise(2).
var Madvises = Rules{
	Name:    "madvise advice",
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "advice that nobody has judged; the manual's answer for what the kernel doesn't know"},
	Rows: []Rule{
		{unix.MADV_NORMAL, "MADV_NORMAL", Pass, 0, "a hint without a result"},
		{unix.MADV_RANDOM, "MADV_RANDOM", Pass, 0, "a hint without a result"},
		{unix.MADV_SEQUENTIAL, "MADV_SEQUENTIAL", Pass, 0, "a hint without a result"},
		{unix.MADV_WILLNEED, "MADV_WILLNEED", Pass, 0, "a hint without a result"},
		{unix.MADV_DONTNEED, "MADV_DONTNEED", Pass, 0, "drops pages at once"},
		{unix.MADV_FREE, "MADV_FREE", Emulate, 0, "run as MADV_DONTNEED, which its meaning allows: else when pages turn to zero is the host's memory pressure"},
		{unix.MADV_REMOVE, "MADV_REMOVE", Data, 0, "punches a hole in the file behind a shared mapping"},
		{unix.MADV_DONTFORK, "MADV_DONTFORK", Pass, 0, "what a child inherits, at once and exactly"},
		{unix.MADV_DOFORK, "MADV_DOFORK", Pass, 0, "what a child inherits, at once and exactly"},
		{unix.MADV_MERGEABLE, "MADV_MERGEABLE", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_UNMERGEABLE, "MADV_UNMERGEABLE", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_HUGEPAGE, "MADV_HUGEPAGE", Emulate, 0, "huge pages show in no result, but whether the advice exists depends on the kernel: 0"},
		{unix.MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE", Emulate, 0, "huge pages show in no result, but whether the advice exists depends on the kernel: 0"},
		{unix.MADV_DONTDUMP, "MADV_DONTDUMP", Pass, 0, "what a core file would hold; boxes write none"},
		{unix.MADV_DODUMP, "MADV_DODUMP", Pass, 0, "what a core file would hold; boxes write none"},
		{unix.MADV_WIPEONFORK, "MADV_WIPEONFORK", Pass, 0, "what a child inherits, at once and exactly"},
		{unix.MADV_KEEPONFORK, "MADV_KEEPONFORK", Pass, 0, "what a child inherits, at once and exactly"},
		{unix.MADV_COLD, "MADV_COLD", Emulate, 0, "a hint that older kernels lack: 0"},
		{unix.MADV_PAGEOUT, "MADV_PAGEOUT", Emulate, 0, "a hint that older kernels lack: 0"},
		{unix.MADV_POPULATE_READ, "MADV_POPULATE_READ", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_DONTNEED_LOCKED, "MADV_DONTNEED_LOCKED", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_COLLAPSE, "MADV_COLLAPSE", Refuse, unix.EINVAL, whyOption},
		{unix.MADV_HWPOISON, "MADV_HWPOISON", Refuse, unix.EPERM, "breaks the host's memory"},
		{madvSoftOffline, "MADV_SOFT_OFFLINE", Refuse, unix.EPERM, "takes the host's memory away"},
		{unix.MADV_GUARD_INSTALL, "MADV_GUARD_INSTALL", Refuse, unix.EINVAL, "kernels before 6.13 lack it; programs use mprotect instead"},
		{unix.MADV_GUARD_REMOVE, "MADV_GUARD_REMOVE", Refuse, unix.EINVAL, "kernels before 6.13 lack it; programs use mprotect instead"},
	},
}

// GetrandomFlags judges the flags of getrandom(2). GRND_RANDOM together with
// GRND_INSECURE is EINVAL.
var GetrandomFlags = Rules{
	Name: "getrandom flags", Flags: true,
	Default: Rule{Class: Refuse, Errno: unix.EINVAL, Why: "a flag that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.GRND_NONBLOCK, "GRND_NONBLOCK", Emulate, 0, "the box's pool is always ready: nothing blocks"},
		{unix.GRND_RANDOM, "GRND_RANDOM", Emulate, 0, "the box has one pool"},
		{unix.GRND_INSECURE, "GRND_INSECURE", Emulate, 0, "the box's pool is always ready"},
	},
}

// RWFlags judges the flags of preadv2(2) and pwritev2(2).
var RWFlags = Rules{
	Name: "preadv2 flags", Flags: true,
	Default: Rule{Class: Refuse, Errno: unix.EOPNOTSUPP, Why: "a flag that nobody has judged; the manual's answer for one that the kernel doesn't know"},
	Rows: []Rule{
		{unix.RWF_HIPRI, "RWF_HIPRI", Pass, 0, "how the kernel waits for the disk, which shows in no result"},
		{unix.RWF_DSYNC, "RWF_DSYNC", Pass, 0, "waits for the host's disk, which shows in no result"},
		{unix.RWF_SYNC, "RWF_SYNC", Pass, 0, "waits for the host's disk, which shows in no result"},
		{unix.RWF_NOWAIT, "RWF_NOWAIT", Refuse, unix.EOPNOTSUPP, "tells what the host has in memory"},
		{unix.RWF_APPEND, "RWF_APPEND", Data, 0, "where a write lands depends on the writes before"},
	},
}
