package oci

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func (v *validator) linux(l *specs.Linux) error {
	return first(
		under(v.namespaces(l.Namespaces), "namespaces"),
		v.idMappings(l),
		v.timeOffsets(l),
		under(each(l.Devices, checkDevice), "devices"),
		under(v.netDevices(l.NetDevices), "netDevices"),
		under(eachOf(l.Sysctl, v.sysctl), "sysctl"),
		under(v.rootfsPropagation(l.RootfsPropagation), "rootfsPropagation"),
		under(v.paths(l.MaskedPaths), "maskedPaths"),
		under(v.paths(l.ReadonlyPaths), "readonlyPaths"),
		under(when(l.Personality, checkPersonality), "personality"),
		under(when(l.IntelRdt, checkIntelRdt), "intelRdt"),
		under(when(l.MemoryPolicy, checkMemoryPolicy), "memoryPolicy"),
		under(when(l.Seccomp, v.seccomp), "seccomp"),
		under(when(l.Resources, func(r *specs.LinuxResources) error { return checkResources(r, v.log) }), "resources"),
	)
}

func (v *validator) namespaces(list []specs.LinuxNamespace) error {
	seen := map[specs.LinuxNamespaceType]bool{}
	return each(list, func(ns specs.LinuxNamespace) error {
		if err := namespaces.check(ns.Type); err != nil {
			return under(err, "type")
		}
		if seen[ns.Type] {
			return wrong("type", "%s is given twice", quote(string(ns.Type)))
		}
		seen[ns.Type] = true
		if ns.Path != "" {
			return under(absolute(ns.Path), "path")
		}
		return nil
	})
}

// idMappings checks those of the user namespace. A namespace that is joined has its own;
// containerd and CRI-O write them down nevertheless, and whoever joins it compares.
func (v *validator) idMappings(l *specs.Linux) error {
	mappings := func(name string, list []specs.LinuxIDMapping) error {
		if len(list) > 0 && !v.has(specs.UserNamespace) {
			return wrong(name, "there is no user namespace in linux.namespaces")
		}
		if len(list) == 0 && v.private(specs.UserNamespace) {
			return wrong(name, "missing, or empty: a new user namespace needs some")
		}
		return under(checkIDs(list), name)
	}
	return first(mappings("uidMappings", l.UIDMappings), mappings("gidMappings", l.GIDMappings))
}

// maxMappings is the number of lines that uid_map takes, see user_namespaces(7).
const maxMappings = 340

// checkIDs follows "Defining user and group ID mappings" in user_namespaces(7).
func checkIDs(list []specs.LinuxIDMapping) error {
	if len(list) > maxMappings {
		return fmt.Errorf("more than %d", maxMappings)
	}
	for i, m := range list {
		const ids = 1 << 32
		switch {
		case m.Size == 0:
			return under(errors.New("must not be 0"), i, "size")
		case uint64(m.ContainerID)+uint64(m.Size) > ids-1:
			return under(fmt.Errorf("%d IDs from %d on: there are not so many", m.Size, m.ContainerID), i, "size")
		case uint64(m.HostID)+uint64(m.Size) > ids-1:
			return under(fmt.Errorf("%d IDs from %d on: there are not so many", m.Size, m.HostID), i, "size")
		}
		for j, other := range list[:i] {
			if overlap(m.ContainerID, m.Size, other.ContainerID, other.Size) {
				return under(fmt.Errorf("overlaps number %d of the list", j), i, "containerID")
			}
			if overlap(m.HostID, m.Size, other.HostID, other.Size) {
				return under(fmt.Errorf("overlaps number %d of the list", j), i, "hostID")
			}
		}
	}
	return nil
}

// overlap reports whether two ranges, none of them empty, have a number in common.
func overlap(a, sizeA, b, sizeB uint32) bool {
	return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}

// clocks are those that a time namespace shifts, see time_namespaces(7).
var clocks = table[string, int]{"boottime": unix.CLOCK_BOOTTIME, "monotonic": unix.CLOCK_MONOTONIC}

// TimeOffsetClock is the number of a clock that timeOffsets names.
func TimeOffsetClock(name string) (clock int, ok bool) {
	clock, ok = clocks[name]
	return clock, ok
}

func (v *validator) timeOffsets(l *specs.Linux) error {
	if len(l.TimeOffsets) == 0 {
		return nil
	}
	if !v.has(specs.TimeNamespace) {
		return wrong("timeOffsets", "there is no time namespace in linux.namespaces")
	}
	if !v.private(specs.TimeNamespace) {
		return wrong("timeOffsets", "the time namespace is joined, it has its own")
	}
	return under(eachOf(l.TimeOffsets, func(clock string, offset specs.LinuxTimeOffset) error {
		if offset.Nanosecs >= 1e9 {
			return wrong("nanosecs", "%d is not less than 1000000000", offset.Nanosecs)
		}
		return clocks.check(clock)
	}), "timeOffsets")
}

// Limits of device numbers, see makedev(3) and include/linux/kdev_t.h.
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

func checkDevice(d specs.LinuxDevice) error {
	if err := first(under(deviceTypes.check(d.Type), "type"), under(absolute(d.Path), "path")); err != nil {
		return err
	}
	const modes = unix.S_IFMT | 0o7777 // the type in a mode has no effect
	switch {
	case d.Type == "p" && (d.Major != 0 || d.Minor != 0):
		return wrong("type", "a FIFO has no major and minor number")
	case d.Major < 0 || d.Major > maxMajor:
		return wrong("major", "%d is not between 0 and %d", d.Major, maxMajor)
	case d.Minor < 0 || d.Minor > maxMinor:
		return wrong("minor", "%d is not between 0 and %d", d.Minor, maxMinor)
	case d.FileMode != nil && *d.FileMode&^modes != 0:
		return wrong("fileMode", "%d is not a mode of chmod(2)", uint32(*d.FileMode))
	case d.UID != nil && *d.UID == noID:
		return wrong("uid", "%d is not an ID", *d.UID)
	case d.GID != nil && *d.GID == noID:
		return wrong("gid", "%d is not an ID", *d.GID)
	}
	return nil
}

func (v *validator) netDevices(devices map[string]specs.LinuxNetDevice) error {
	if len(devices) > 0 && !v.has(specs.NetworkNamespace) {
		return errors.New("there is no network namespace in linux.namespaces")
	}
	names := map[string]string{}
	return eachOf(devices, func(name string, d specs.LinuxNetDevice) error {
		if err := checkInterface(name); err != nil {
			return err
		}
		inside := name
		if d.Name != "" {
			if err := checkInterface(d.Name); err != nil {
				return under(err, "name")
			}
			inside = d.Name
		}
		if other, taken := names[inside]; taken {
			return wrong("name", "%s and this one would both be called %s", quote(other), quote(inside))
		}
		names[inside] = name
		return nil
	})
}

// checkInterface follows dev_valid_name of the kernel.
func checkInterface(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r") {
		return fmt.Errorf("%s is not a name of a network device", quote(name))
	}
	return nil
}

func (v *validator) rootfsPropagation(value string) error {
	if value == "" {
		return nil
	}
	return propagations.check(value)
}

// paths checks those that are masked or made read-only.
func (v *validator) paths(list []string) error {
	if len(list) > 0 && !v.has(specs.MountNamespace) {
		return errors.New("there is no mount namespace in linux.namespaces")
	}
	return each(list, absolute)
}

func checkPersonality(p *specs.LinuxPersonality) error {
	if len(p.Flags) > 0 {
		return wrong("flags", "the specification defines none")
	}
	return under(personalities.check(p.Domain), "domain")
}

func checkIntelRdt(r *specs.LinuxIntelRdt) error {
	if r.ClosID == "." || r.ClosID == ".." || len(r.ClosID) > 1 && strings.Contains(r.ClosID, "/") || strings.Contains(r.ClosID, "\n") {
		return wrong("closID", "%s is not the name of a directory", quote(r.ClosID))
	}
	line := func(s string) error {
		if strings.Contains(s, "\n") {
			return errors.New("has a newline")
		}
		return nil
	}
	return first(
		under(each(r.Schemata, line), "schemata"),
		under(line(r.L3CacheSchema), "l3CacheSchema"),
		under(line(r.MemBwSchema), "memBwSchema"),
	)
}

func checkMemoryPolicy(p *specs.LinuxMemoryPolicy) error {
	if err := first(under(memoryPolicyModes.check(p.Mode), "mode"), under(each(p.Flags, memoryPolicyFlags.check), "flags")); err != nil {
		return err
	}
	nodes, err := ParseCPUs(p.Nodes)
	if err != nil {
		return under(err, "nodes")
	}
	has := func(flag specs.MemoryPolicyFlagType) bool { return slices.Contains(p.Flags, flag) }
	switch p.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if nodes != nil {
			return wrong("nodes", "%s takes none", p.Mode)
		}
	case specs.MpolPreferred:
	default:
		if nodes == nil {
			return wrong("nodes", "missing: %s needs some", p.Mode)
		}
	}
	switch {
	case has(specs.MpolFStaticNodes) && has(specs.MpolFRelativeNodes):
		return wrong("flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
	case has(specs.MpolFNumaBalancing) && p.Mode != specs.MpolBind && p.Mode != specs.MpolPreferredMany:
		return wrong("flags", "MPOL_F_NUMA_BALANCING is for MPOL_BIND and MPOL_PREFERRED_MANY")
	}
	return nil
}
