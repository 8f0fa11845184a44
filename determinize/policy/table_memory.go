package policy

import "golang.org/x/sys/unix"

// Bounds of the address space calls that pass.
const (
	// bigMapping is the size from which on the kernel may place a mapping on
	// a huge-page boundary: whether it does depends on its version, its
	// configuration and the file system.
	bigMapping = 2 << 20
	// HighAddress is the end of 47-bit user space. Above it an address works
	// only on processors and kernels with five-level page tables.
	HighAddress = 1 << 47
	// heapAddress has all bits that the end of a heap has, unless it was moved
	// further than programs do: without address randomisation a heap lies in the
	// first 4 GiB, or behind 0x555555554000. No greater address has only these; of
	// those between the two some do.
	heapAddress = 0x5555_ffff_ffff
	// plainMmap are the mmap flags that pass; every other bit stops.
	plainMmap = unix.MAP_PRIVATE | unix.MAP_FIXED | unix.MAP_ANONYMOUS | unix.MAP_DENYWRITE |
		unix.MAP_EXECUTABLE | unix.MAP_NORESERVE | unix.MAP_STACK
	// plainProt are the protection bits that pass.
	plainProt = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC
)

const (
	whyLock   = "locking pages shows in no result that a box can see; limits and failures would be the host's, so it is answered 0"
	whyNUMA   = "memory nodes are the host's; kernels built without NUMA answer so"
	whyPkeys  = "protection keys depend on the processor; this is the answer of one without"
	whyOthers = "reaches into another process, behind the engine"
)

// memoryRows are the calls on a process's address space.
var memoryRows = []Row{
	unix.SYS_MMAP: {Name: "mmap", Class: Pass,
		Trap: []Cond{
			{Arg: 3, Op: AnySet, Value: ^uint64(plainMmap)},
			{Arg: 1, Op: Ge, Value: bigMapping},
			{Arg: 2, Op: AnySet, Value: ^uint64(plainProt)},
			{Arg: 0, Op: Ge, Value: HighAddress},
			{Arg: 3, Op: Eq, Mask: unix.MAP_ANONYMOUS | unix.MAP_DENYWRITE, Value: 0},
		},
		Args: "addr:addr length:size prot:prot flags:mmap fd:fd offset:off",
		Why: "private mappings change nothing outside the process, and without address randomisation the kernel places them " +
			"by the process's own earlier calls; stopped are shared ones, those of 2 MiB or more (huge-page alignment " +
			"differs between kernels), flags and protections that depend on the kernel, addresses past 47 bits, and " +
			"mappings of files, which read them, but for the loader's (MAP_DENYWRITE, which no kernel heeds): " +
			"what a program has opened may be mapped, and is looked for in its mappings when somebody writes to it"},
	unix.SYS_MUNMAP: {Name: "munmap", Class: Pass,
		Args: "addr:addr length:size",
		Why:  "works on the process's own address space, which only its own calls shaped"},
	unix.SYS_BRK: {Name: "brk", Class: Pass,
		Trap: []Cond{{Arg: 0, Op: AnySet, Value: ^uint64(heapAddress)}},
		Args: "addr:addr",
		Why: "the heap starts at a fixed place without address randomisation, and grows within the pinned limits as the process asks; " +
			"stopped is what lies gigabytes further, for which the host may lack memory"},
	unix.SYS_MPROTECT: {Name: "mprotect", Class: Pass,
		Trap: []Cond{
			{Arg: 2, Op: AnySet, Value: ^uint64(plainProt)},
			{Arg: 1, Op: Ge, Value: bigMapping},
		},
		Args: "addr:addr length:size prot:prot",
		Why: "works on the process's own address space, which only its own calls shaped; unusual protections stop, and 2 MiB " +
			"or more, which when they become writable the host may lack memory for"},
	unix.SYS_MREMAP: {Name: "mremap", Class: Pass,
		Trap: []Cond{
			{Arg: 3, Op: AnySet, Value: ^uint64(unix.MREMAP_MAYMOVE)},
			{Arg: 2, Op: Ge, Value: bigMapping},
		},
		Args: "old_address:addr old_size:size new_size:size flags:mremapflag new_address:addr",
		Why: "works on the process's own address space, and the new place follows from its own earlier calls; stopped are " +
			"sizes of 2 MiB or more, as for mmap, and flags that depend on the kernel"},
	unix.SYS_MADVISE: {Name: "madvise", Class: Pass,
		Trap: []Cond{{Arg: 2, Op: Ge, Value: unix.MADV_DONTNEED + 1}},
		Args: "addr:addr length:size advice:madvise",
		Why: "MADV_NORMAL, RANDOM, SEQUENTIAL and WILLNEED are hints without a result, and MADV_DONTNEED drops pages at once; " +
			"every other advice stops, MADV_FREE above all: when its pages turn to zero is the host's memory pressure"},
	unix.SYS_MSYNC: {Name: "msync", Class: Data,
		Args: "addr:addr length:size flags:hex", Access: "write content",
		Why: "stamps the files behind shared mappings"},
	unix.SYS_MINCORE: {Name: "mincore", Class: Refuse, Errno: unix.ENOSYS,
		Args: "addr:addr length:size vec:out",
		Why:  "tells what the host has in memory"},
	unix.SYS_MLOCK:      {Name: "mlock", Class: Emulate, Args: "addr:addr len:size", Why: whyLock},
	unix.SYS_MLOCK2:     {Name: "mlock2", Class: Emulate, Args: "addr:addr len:size flags:hex", Why: whyLock},
	unix.SYS_MUNLOCK:    {Name: "munlock", Class: Emulate, Args: "addr:addr len:size", Why: whyLock},
	unix.SYS_MLOCKALL:   {Name: "mlockall", Class: Emulate, Args: "flags:hex", Why: whyLock},
	unix.SYS_MUNLOCKALL: {Name: "munlockall", Class: Emulate, Why: whyLock},
	unix.SYS_REMAP_FILE_PAGES: {Name: "remap_file_pages", Class: Refuse, Errno: unix.ENOSYS,
		Args: "addr:addr size:size prot:prot pgoff:size flags:mmap",
		Why:  "deprecated; rearranges a shared mapping behind the engine"},
	unix.SYS_MEMBARRIER: {Name: "membarrier", Class: Refuse, Errno: unix.ENOSYS,
		Args: "cmd:int flags:hex cpu_id:int",
		Why:  "which commands exist depends on the kernel; programs fall back to plain barriers"},
	unix.SYS_RSEQ: {Name: "rseq", Class: Emulate,
		Args: "rseq:inout rseq_len:uint flags:hex sig:hex",
		Why:  "registered memory would be told the processor the task runs on: always answered ENOSYS, and the C library does without"},
	unix.SYS_MSEAL: {Name: "mseal", Class: Refuse, Errno: unix.ENOSYS,
		Args: "addr:addr len:size flags:word", Why: whyTooNew},
	unix.SYS_MAP_SHADOW_STACK: {Name: "map_shadow_stack", Class: Refuse, Errno: unix.EOPNOTSUPP,
		Args: "addr:addr size:size flags:hex",
		Why:  "shadow stacks depend on the processor; this is the answer of one without"},
	unix.SYS_PKEY_MPROTECT: {Name: "pkey_mprotect", Class: Refuse, Errno: unix.EINVAL,
		Args: "addr:addr len:size prot:prot pkey:int", Why: whyPkeys},
	unix.SYS_PKEY_ALLOC: {Name: "pkey_alloc", Class: Refuse, Errno: unix.ENOSPC,
		Args: "flags:word access_rights:word", Why: whyPkeys},
	unix.SYS_PKEY_FREE: {Name: "pkey_free", Class: Refuse, Errno: unix.EINVAL,
		Args: "pkey:int", Why: whyPkeys},
	unix.SYS_USERFAULTFD: {Name: "userfaultfd", Class: Refuse, Errno: unix.ENOSYS,
		Args: "flags:open",
		Why:  "lets a task answer page faults, also the kernel's own on the engine's behalf"},

	unix.SYS_MBIND: {Name: "mbind", Class: Refuse, Errno: unix.ENOSYS,
		Args: "addr:addr len:size mode:word nodemask:in maxnode:size flags:hex", Why: whyNUMA},
	unix.SYS_SET_MEMPOLICY: {Name: "set_mempolicy", Class: Refuse, Errno: unix.ENOSYS,
		Args: "mode:int nodemask:in maxnode:size", Why: whyNUMA},
	unix.SYS_GET_MEMPOLICY: {Name: "get_mempolicy", Class: Refuse, Errno: unix.ENOSYS,
		Args: "mode:out nodemask:out maxnode:size addr:addr flags:word", Why: whyNUMA},
	unix.SYS_MIGRATE_PAGES: {Name: "migrate_pages", Class: Refuse, Errno: unix.ENOSYS,
		Args: "pid:pid maxnode:size old_nodes:in new_nodes:in", Why: whyNUMA},
	unix.SYS_MOVE_PAGES: {Name: "move_pages", Class: Refuse, Errno: unix.ENOSYS,
		Args: "pid:pid count:size pages:in nodes:in status:out flags:hex", Why: whyNUMA},
	unix.SYS_SET_MEMPOLICY_HOME_NODE: {Name: "set_mempolicy_home_node", Class: Refuse, Errno: unix.ENOSYS,
		Args: "start:addr len:size home_node:word flags:word", Why: whyNUMA},

	unix.SYS_PROCESS_VM_READV: {Name: "process_vm_readv", Class: Refuse, Errno: unix.EPERM,
		Args: "pid:pid local_iov:in liovcnt:size remote_iov:in riovcnt:size flags:word", Why: whyOthers},
	unix.SYS_PROCESS_VM_WRITEV: {Name: "process_vm_writev", Class: Refuse, Errno: unix.EPERM,
		Args: "pid:pid local_iov:in liovcnt:size remote_iov:in riovcnt:size flags:word", Why: whyOthers},
	unix.SYS_PROCESS_MADVISE: {Name: "process_madvise", Class: Refuse, Errno: unix.ENOSYS,
		Args: "pidfd:fd iovec:in vlen:size advice:madvise flags:hex", Why: whyOthers},
	unix.SYS_PROCESS_MRELEASE: {Name: "process_mrelease", Class: Refuse, Errno: unix.ENOSYS,
		Args: "pidfd:fd flags:hex", Why: whyOthers},
}
