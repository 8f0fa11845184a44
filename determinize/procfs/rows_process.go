package procfs

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	whyAddressSpace = "addresses are the guest's own, as ASLR is off; devices, inodes and residency are the host's"
	whyMounts       = "mount points are the box's; ids, devices, sources and options are the host's"
	whyLSM          = "depends on the host's security module"
	whyNamespace    = "the number of the initial namespace, as outside of containers"
	whyIDMap        = "the map that every process outside of user namespaces has; the box's own names host ids"
)

// processRows are the entries of /proc/PID and of /proc/PID/task/TID. Those of
// net are netRows.
var processRows = []Row{
	{Name: "cwd", Kind: Symlink, Disposition: Real, Why: "a path in the box"},
	{Name: "exe", Kind: Symlink, Disposition: Real, Why: "a path in the box"},
	{Name: "root", Kind: Symlink, Disposition: Real, Why: "a path in the box"},
	{Name: "fd", Kind: Dir, Mode: 0o500, Disposition: Real, Why: "descriptor numbers are a function of the box; listed in order"},
	{Name: "fd/*", Kind: Symlink, Mode: 0o700, Disposition: Real, Why: "the guest's own file; readlink gives a virtual inode number"},
	{Name: "fdinfo", Kind: Dir, Disposition: Real, Why: "descriptor numbers are a function of the box; listed in order"},
	{Name: "net", Kind: Dir, Disposition: Real, Why: "a directory: only the names in the table of net are listed"},
	{Name: "ns", Kind: Dir, Mode: 0o511, Disposition: Real, Why: "a directory: only the names in this table are listed"},
	{Name: "task", Kind: Dir, Disposition: Real, ProcessOnly: true, Why: "thread ids are placed; listed in order"},

	{Name: "cmdline", Disposition: Real, Why: "the arguments, which are an input of the process"},
	{Name: "comm", Mode: 0o644, Disposition: Real, Write: WriteReal, Why: "the guest's own name for itself"},
	{Name: "environ", Mode: 0o400, Disposition: Real, Why: "the environment, which is an input of the process"},

	{Name: "arch_status", Disposition: Virtual, make: fixed(""), Why: "shows use of AVX-512; empty, as on a CPU without it"},
	{Name: "auxv", Mode: 0o400, Disposition: Virtual, Reads: "auxv", make: auxv, Why: "CPU features and the kernel's sizes are the host's; as on the stack"},
	{Name: "cgroup", Disposition: Virtual, make: fixed("0::/\n"), Why: "the box is at the root of its own hierarchy; controllers and paths are the host's"},
	{Name: "children", Disposition: Virtual, ThreadOnly: true, make: children, Why: "the children, in order of birth"},
	{Name: "coredump_filter", Mode: 0o644, Disposition: Virtual, Write: WriteIgnored, ProcessOnly: true, make: fixed("00000033\n"), Why: "inherited from whoever runs the box; no core is dumped"},
	{Name: "cpuset", Disposition: Virtual, make: fixed("/\n"), Why: "a path in the host's cgroups"},
	{Name: "fdinfo/*", Mode: 0o400, Disposition: Virtual, Reads: "fdinfo/*", make: fdinfo, Why: "offset and flags are the guest's; mount ids and inode numbers the host's"},
	{Name: "gid_map", Mode: 0o644, Disposition: Virtual, make: fixed(identityMap), Why: whyIDMap},
	{Name: "io", Mode: 0o400, Disposition: Virtual, make: fixed(ioZero), Why: "counts depend on the page cache and on how calls are intercepted"},
	{Name: "limits", Disposition: Virtual, make: limits, Why: "the pinned limits that prlimit shows"},
	{Name: "loginuid", Mode: 0o644, Disposition: Virtual, make: fixed("4294967295"), Why: "the login of whoever runs the box; none"},
	{Name: "maps", Disposition: Virtual, Reads: "maps", make: maps, Why: whyAddressSpace},
	{Name: "mountinfo", Disposition: Virtual, Reads: "mountinfo", make: mountinfo, Why: whyMounts},
	{Name: "mounts", Disposition: Virtual, Reads: "mountinfo", make: mounts, Why: whyMounts},
	{Name: "mountstats", Mode: 0o400, Disposition: Virtual, ProcessOnly: true, Reads: "mountinfo", make: mountstats, Why: whyMounts},
	{Name: "oom_adj", Mode: 0o644, Disposition: Virtual, Write: WriteIgnored, make: fixed("0\n"), Why: "inherited from whoever runs the box"},
	{Name: "oom_score", Disposition: Virtual, make: fixed("0\n"), Why: "the kernel's guess, from the memory of the whole host"},
	{Name: "oom_score_adj", Mode: 0o644, Disposition: Virtual, Write: WriteIgnored, make: fixed("0\n"), Why: "inherited from whoever runs the box"},
	{Name: "personality", Mode: 0o400, Disposition: Virtual, make: personality, Why: "as personality(2) shows: without the flag that switches ASLR off"},
	{Name: "projid_map", Mode: 0o644, Disposition: Virtual, make: fixed(identityMap), Why: whyIDMap},
	{Name: "schedstat", Disposition: Virtual, make: fixed("0 0 0\n"), Why: "times on the host's CPUs; as of a kernel that does not measure them"},
	{Name: "sessionid", Disposition: Virtual, make: fixed("4294967295"), Why: "the login session of whoever runs the box; none"},
	{Name: "setgroups", Mode: 0o644, Disposition: Virtual, make: fixed("allow\n"), Why: whyIDMap},
	{Name: "smaps", Disposition: Virtual, Reads: "maps", make: smaps, Why: whyAddressSpace},
	{Name: "smaps_rollup", Disposition: Virtual, Reads: "maps", make: smapsRollup, Why: whyAddressSpace},
	{Name: "stat", Disposition: Virtual, Uses: UsesClock, Reads: "stat", make: stat, Why: "addresses and signal sets are the guest's; times, faults and CPUs the host's"},
	{Name: "statm", Disposition: Virtual, Reads: "statm", make: statm, Why: "sizes are the guest's; residency is a function of them"},
	{Name: "status", Disposition: Virtual, Reads: "status", make: status, Why: "umask, sizes and signal sets are the guest's; the rest is the host's or shows the tracer"},
	{Name: "syscall", Mode: 0o400, Disposition: Virtual, make: fixed("running\n"), Why: "shows where the engine has stopped the task"},
	{Name: "timers", Disposition: Virtual, ProcessOnly: true, make: fixed(""), Why: "the kernel has none of the guest's timers"},
	{Name: "timerslack_ns", Mode: 0o666, Disposition: Virtual, Write: WriteIgnored, ProcessOnly: true, make: fixed("50000\n"), Why: "inherited from whoever runs the box; nothing really sleeps"},
	{Name: "uid_map", Mode: 0o644, Disposition: Virtual, make: fixed(identityMap), Why: whyIDMap},
	{Name: "wchan", Disposition: Virtual, make: fixed("0"), Why: "names where in the kernel a task sleeps"},

	{Name: "ns/cgroup", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/ipc", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/mnt", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/net", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/pid", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/pid_for_children", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/user", Kind: Symlink, Disposition: Real, Why: whyNamespace},
	{Name: "ns/uts", Kind: Symlink, Disposition: Real, Why: whyNamespace},

	{Name: "clear_refs", Mode: 0o200, Disposition: Denied, Why: "changes what the kernel knows of residency"},
	{Name: "map_files", Kind: Dir, Mode: 0o500, Disposition: Denied, ProcessOnly: true, Why: "following its links needs privilege"},
	{Name: "mem", Mode: 0o600, Disposition: Real, Write: WriteReal, Why: "the process's own memory, which it can reach anyway; another's is denied by the engine"},
	{Name: "pagemap", Mode: 0o400, Disposition: Denied, Why: "shows which pages are resident"},
	{Name: "stack", Mode: 0o400, Disposition: Denied, Why: whySecret},

	{Name: "attr", Kind: Dir, Why: whyLSM},
	{Name: "autogroup", Why: whyKernelConfig},
	{Name: "fail-nth", Why: whyKernelConfig},
	{Name: "ksm_merging_pages", Why: whyKernelConfig},
	{Name: "ksm_stat", Why: whyKernelConfig},
	{Name: "latency", Why: whyKernelConfig},
	{Name: "make-it-fail", Why: whyKernelConfig},
	{Name: "ns/time", Kind: Symlink, Why: whyKernelConfig},
	{Name: "ns/time_for_children", Kind: Symlink, Why: whyKernelConfig},
	{Name: "numa_maps", Why: "shows on which node pages lie, where the kernel knows of nodes"},
	{Name: "patch_state", Why: whyKernelConfig},
	{Name: "sched", Why: "times on the host's CPUs"},
	{Name: "seccomp_cache", Why: whyKernelConfig},
	{Name: "timens_offsets", Why: whyKernelConfig},
}

const identityMap = "         0          0 4294967295\n"

const ioZero = "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"

// personality is /proc/PID/personality.
func personality(in input) []byte {
	return fmt.Appendf(nil, "%08x\n", in.proc.Personality)
}

// children is /proc/PID/task/TID/children: pids, each followed by a space.
func children(in input) []byte {
	var b strings.Builder
	for _, pid := range in.proc.Children {
		b.WriteString(strconv.Itoa(pid))
		b.WriteByte(' ')
	}
	return []byte(b.String())
}

// Limit is a resource limit (getrlimit(2)).
type Limit struct{ Soft, Hard uint64 }

// Infinity is RLIM_INFINITY.
const Infinity = ^uint64(0)

// Limits are the resource limits, indexed by RLIMIT_ number.
type Limits [16]Limit

// DefaultLimits returns the limits that every box has, whoever runs it: those of
// a login on a machine of the box's size.
func DefaultLimits() Limits {
	var l Limits
	for i, row := range limitRows {
		l[i] = row.limit
	}
	return l
}

// limitRows are the lines of /proc/PID/limits, in the order of the numbers.
var limitRows = [16]struct {
	name, unit string
	limit      Limit
}{
	{"Max cpu time", "seconds", Limit{Infinity, Infinity}},
	{"Max file size", "bytes", Limit{Infinity, Infinity}},
	{"Max data size", "bytes", Limit{Infinity, Infinity}},
	{"Max stack size", "bytes", Limit{8 << 20, Infinity}},
	{"Max core file size", "bytes", Limit{0, Infinity}},
	{"Max resident set", "bytes", Limit{Infinity, Infinity}},
	{"Max processes", "processes", Limit{31000, 31000}},
	{"Max open files", "files", Limit{1024, 1048576}},
	{"Max locked memory", "bytes", Limit{8 << 20, 8 << 20}},
	{"Max address space", "bytes", Limit{Infinity, Infinity}},
	{"Max file locks", "locks", Limit{Infinity, Infinity}},
	{"Max pending signals", "signals", Limit{31000, 31000}},
	{"Max msgqueue size", "bytes", Limit{819200, 819200}},
	{"Max nice priority", "", Limit{0, 0}},
	{"Max realtime priority", "", Limit{0, 0}},
	{"Max realtime timeout", "us", Limit{Infinity, Infinity}},
}

// Numbers of limits that other files show.
const (
	limitRSS        = 5
	limitSigpending = 11
)

// limits is /proc/PID/limits.
func limits(in input) []byte {
	var b strings.Builder
	b.WriteString("Limit                     Soft Limit           Hard Limit           Units     \n")
	for i, row := range limitRows {
		l := in.proc.Limits[i]
		fmt.Fprintf(&b, "%-25s %-20s %-20s ", row.name, limitText(l.Soft), limitText(l.Hard))
		if row.unit != "" {
			fmt.Fprintf(&b, "%-10s", row.unit)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func limitText(v uint64) string {
	if v == Infinity {
		return "unlimited"
	}
	return strconv.FormatUint(v, 10)
}
