package oci

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A table says what the kernel calls the values that a field of the runtime-spec may have.
type table[K ~string, V any] map[K]V

// names are all that a field may have, sorted.
func (t table[K, V]) names() []string {
	names := make([]string, 0, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		names = append(names, string(name))
	}
	return names
}

// check returns an error unless the table has the value.
func (t table[K, V]) check(value K) error {
	if _, ok := t[value]; ok {
		return nil
	}
	if value == "" {
		return errors.New("missing, or empty")
	}
	if len(t) > 16 {
		return fmt.Errorf("%s is not known", quote(string(value)))
	}
	return fmt.Errorf("%s is none of %s", quote(string(value)), strings.Join(t.names(), ", "))
}

// namespaces are the flags of clone(2), see the section "Namespaces" of config-linux.
var namespaces = table[specs.LinuxNamespaceType, uintptr]{
	specs.PIDNamespace:     unix.CLONE_NEWPID,
	specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.MountNamespace:   unix.CLONE_NEWNS,
	specs.IPCNamespace:     unix.CLONE_NEWIPC,
	specs.UTSNamespace:     unix.CLONE_NEWUTS,
	specs.UserNamespace:    unix.CLONE_NEWUSER,
	specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
	specs.TimeNamespace:    unix.CLONE_NEWTIME,
}

// NamespaceFlag is the flag of clone(2) and setns(2) for a type of namespace.
func NamespaceFlag(t specs.LinuxNamespaceType) (flag uintptr, ok bool) {
	flag, ok = namespaces[t]
	return flag, ok
}

// rlimitNumbers are the resources of setrlimit(2), see "rlimits" in the section "POSIX
// process" of config.
var rlimitNumbers = table[string, int]{
	"RLIMIT_AS":         unix.RLIMIT_AS,
	"RLIMIT_CORE":       unix.RLIMIT_CORE,
	"RLIMIT_CPU":        unix.RLIMIT_CPU,
	"RLIMIT_DATA":       unix.RLIMIT_DATA,
	"RLIMIT_FSIZE":      unix.RLIMIT_FSIZE,
	"RLIMIT_LOCKS":      unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK":    unix.RLIMIT_MEMLOCK,
	"RLIMIT_MSGQUEUE":   unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE":       unix.RLIMIT_NICE,
	"RLIMIT_NOFILE":     unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC":      unix.RLIMIT_NPROC,
	"RLIMIT_RSS":        unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO":     unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME":     unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_STACK":      unix.RLIMIT_STACK,
}

// RlimitNumber is the resource that setrlimit(2) limits.
func RlimitNumber(name string) (resource int, ok bool) {
	resource, ok = rlimitNumbers[name]
	return resource, ok
}

// schedulerPolicies are those of sched_setattr(2); SCHED_ISO is reserved there.
var schedulerPolicies = table[specs.LinuxSchedulerPolicy, uint32]{
	specs.SchedOther:    0,
	specs.SchedFIFO:     unix.SCHED_FIFO,
	specs.SchedRR:       unix.SCHED_RR,
	specs.SchedBatch:    unix.SCHED_BATCH,
	specs.SchedISO:      4,
	specs.SchedIdle:     unix.SCHED_IDLE,
	specs.SchedDeadline: unix.SCHED_DEADLINE,
}

// SchedulerPolicy is the policy of sched_setattr(2).
func SchedulerPolicy(name specs.LinuxSchedulerPolicy) (policy uint32, ok bool) {
	policy, ok = schedulerPolicies[name]
	return policy, ok
}

var schedulerFlags = table[specs.LinuxSchedulerFlag, uint64]{
	specs.SchedFlagResetOnFork:  unix.SCHED_FLAG_RESET_ON_FORK,
	specs.SchedFlagReclaim:      unix.SCHED_FLAG_RECLAIM,
	specs.SchedFlagDLOverrun:    unix.SCHED_FLAG_DL_OVERRUN,
	specs.SchedFlagKeepPolicy:   unix.SCHED_FLAG_KEEP_POLICY,
	specs.SchedFlagKeepParams:   unix.SCHED_FLAG_KEEP_PARAMS,
	specs.SchedFlagUtilClampMin: unix.SCHED_FLAG_UTIL_CLAMP_MIN,
	specs.SchedFlagUtilClampMax: unix.SCHED_FLAG_UTIL_CLAMP_MAX,
}

// SchedulerFlag is the flag of sched_setattr(2).
func SchedulerFlag(name specs.LinuxSchedulerFlag) (flag uint64, ok bool) {
	flag, ok = schedulerFlags[name]
	return flag, ok
}

var ioPriorityClasses = table[specs.IOPriorityClass, int]{
	specs.IOPRIO_CLASS_RT:   1,
	specs.IOPRIO_CLASS_BE:   2,
	specs.IOPRIO_CLASS_IDLE: 3,
}

// IOPriority is the value that ioprio_set(2) takes for a valid setting.
func IOPriority(p *specs.LinuxIOPriority) int {
	const classShift = 13 // IOPRIO_CLASS_SHIFT
	return ioPriorityClasses[p.Class]<<classShift | p.Priority
}

// personalities are the domains of personality(2).
var personalities = table[specs.LinuxPersonalityDomain, uint32]{
	specs.PerLinux:   0,
	specs.PerLinux32: 8,
}

// Personality is the domain that personality(2) takes.
func Personality(domain specs.LinuxPersonalityDomain) (persona uint32, ok bool) {
	persona, ok = personalities[domain]
	return persona, ok
}

var memoryPolicyModes = table[specs.MemoryPolicyModeType, int]{
	specs.MpolDefault:            unix.MPOL_DEFAULT,
	specs.MpolPreferred:          unix.MPOL_PREFERRED,
	specs.MpolBind:               unix.MPOL_BIND,
	specs.MpolInterleave:         unix.MPOL_INTERLEAVE,
	specs.MpolLocal:              unix.MPOL_LOCAL,
	specs.MpolPreferredMany:      unix.MPOL_PREFERRED_MANY,
	specs.MpolWeightedInterleave: unix.MPOL_WEIGHTED_INTERLEAVE,
}

var memoryPolicyFlags = table[specs.MemoryPolicyFlagType, int]{
	specs.MpolFStaticNodes:   unix.MPOL_F_STATIC_NODES,
	specs.MpolFRelativeNodes: unix.MPOL_F_RELATIVE_NODES,
	specs.MpolFNumaBalancing: unix.MPOL_F_NUMA_BALANCING,
}

// MemoryPolicy is what set_mempolicy(2) takes for a valid setting: the mode with its
// flags, and the nodes, nil for none.
func MemoryPolicy(p *specs.LinuxMemoryPolicy) (mode int, nodes unix.CPUSetDynamic) {
	mode = memoryPolicyModes[p.Mode]
	for _, flag := range p.Flags {
		mode |= memoryPolicyFlags[flag]
	}
	nodes, _ = ParseCPUs(p.Nodes)
	return mode, nodes
}

// Limits of lists of CPUs and memory nodes.
const (
	maxCPU     = 1<<13 - 1 // the greatest NR_CPUS of the kernel is 8192
	maxCPUList = 1 << 14   // bytes
)

// ParseCPUs reads a list of CPUs or memory nodes: "0-3,7", see "List format" in cpuset(7).
// Spaces around elements and empty elements are ignored. The set is nil when the list is
// empty.
func ParseCPUs(list string) (unix.CPUSetDynamic, error) {
	if len(list) > maxCPUList {
		return nil, fmt.Errorf("longer than %d bytes", maxCPUList)
	}
	type span struct{ first, last int }
	var spans []span
	greatest := 0
	for element := range strings.SplitSeq(list, ",") {
		element = strings.TrimSpace(element)
		if element == "" {
			continue
		}
		first, last, isRange := strings.Cut(element, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 32)
		b, err2 := strconv.ParseUint(last, 10, 32)
		if err != nil || err2 != nil || a > b || b > maxCPU {
			return nil, fmt.Errorf("%s is no list of numbers up to %d, such as 0-3,7", quote(list), maxCPU)
		}
		spans = append(spans, span{int(a), int(b)})
		greatest = max(greatest, int(b))
	}
	if spans == nil {
		return nil, nil
	}
	set := unix.NewCPUSet(greatest + 1)
	for _, s := range spans {
		for cpu := s.first; cpu <= s.last; cpu++ {
			set.Set(cpu)
		}
	}
	return set, nil
}

// deviceTypes are the types of nodes that mknod(2) makes, see the section "Devices" of
// config-linux.
var deviceTypes = table[string, uint32]{
	"b": unix.S_IFBLK,
	"c": unix.S_IFCHR,
	"u": unix.S_IFCHR,
	"p": unix.S_IFIFO,
}

// DeviceType is the type of node that mknod(2) makes, S_IFCHR and so on.
func DeviceType(name string) (mode uint32, ok bool) {
	mode, ok = deviceTypes[name]
	return mode, ok
}

// hookNames are the points at which hooks run, in that order; see the section
// "POSIX-platform Hooks" of config.
var hookNames = []string{
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
}
