package oci

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// atMost returns an error unless n is in the range from 0 to limit.
func atMost[T cmp.Ordered](n, limit T) error {
	if n > limit {
		return fmt.Errorf("%v is greater than %v", n, limit)
	}
	return nil
}

// checkResources follows "Control groups" of config-linux. What only the host's kernel
// can tell, such as whether a limit is above the current use, it will tell.
func checkResources(r *specs.LinuxResources, log *slog.Logger) error {
	return first(
		under(each(r.Devices, checkDeviceRule), "devices"),
		under(when(r.Memory, func(m *specs.LinuxMemory) error { return checkMemory(m, log) }), "memory"),
		under(when(r.CPU, checkCPU), "cpu"),
		under(when(r.Pids, checkPids), "pids"),
		under(when(r.BlockIO, checkBlockIO), "blockIO"),
		under(each(r.HugepageLimits, checkHugepages), "hugepageLimits"),
		under(when(r.Network, checkNetwork), "network"),
		under(eachOf(r.Rdma, func(name string, _ specs.LinuxRdma) error { return checkFileName(name) }), "rdma"),
		under(eachOf(r.Unified, checkUnified), "unified"),
	)
}

// cgroupDeviceTypes are the types of devices in a rule; "" is "a", all.
var cgroupDeviceTypes = table[string, struct{}]{"": {}, "a": {}, "b": {}, "c": {}}

func checkDeviceRule(d specs.LinuxDeviceCgroup) error {
	if err := cgroupDeviceTypes.check(d.Type); err != nil {
		return under(err, "type")
	}
	if d.Access == "" || strings.Trim(d.Access, "rwm") != "" {
		return wrong("access", "%s is not made of r, w and m", quote(d.Access))
	}
	number := func(limit int64) func(*int64) error {
		return func(n *int64) error {
			if *n < -1 || *n > limit { // -1 is any
				return fmt.Errorf("%d is not between -1 and %d", *n, limit)
			}
			return nil
		}
	}
	return first(under(when(d.Major, number(maxMajor)), "major"), under(when(d.Minor, number(maxMinor)), "minor"))
}

// limit checks a number of bytes or of processes of which -1 means that there is no limit.
func limit(n *int64) error {
	if *n < -1 {
		return fmt.Errorf("%d is less than -1, which is no limit", *n)
	}
	return nil
}

func checkMemory(m *specs.LinuxMemory, log *slog.Logger) error {
	if m.Kernel != nil || m.KernelTCP != nil {
		log.Warn("limits of kernel memory have no effect: Linux has none any more")
	}
	if m.Limit != nil && m.Swap != nil && *m.Limit > 0 && *m.Swap > 0 && *m.Swap < *m.Limit {
		return wrong("swap", "%d is less than limit, %d: it counts both", *m.Swap, *m.Limit)
	}
	return first(
		under(when(m.Limit, limit), "limit"),
		under(when(m.Reservation, limit), "reservation"),
		under(when(m.Swap, limit), "swap"),
		under(when(m.Swappiness, func(n *uint64) error { return atMost(*n, 100) }), "swappiness"),
	)
}

func checkCPU(c *specs.LinuxCPU) error {
	_, errCPUs := ParseCPUs(c.Cpus)
	_, errMems := ParseCPUs(c.Mems)
	idle := func(n *int64) error {
		if *n != 0 && *n != 1 {
			return fmt.Errorf("%d is neither 0 nor 1", *n)
		}
		return nil
	}
	return first(
		under(when(c.Quota, limit), "quota"),
		under(when(c.RealtimeRuntime, limit), "realtimeRuntime"),
		under(when(c.Idle, idle), "idle"),
		under(errCPUs, "cpus"),
		under(errMems, "mems"),
	)
}

func checkPids(p *specs.LinuxPids) error { return under(when(p.Limit, limit), "limit") }

// weight checks a share of block I/O, "from 10 to 1000"; 0 is none.
func weight(w *uint16) error {
	if *w != 0 && (*w < 10 || *w > 1000) {
		return fmt.Errorf("%d is not between 10 and 1000", *w)
	}
	return nil
}

func checkBlockIO(b *specs.LinuxBlockIO) error {
	return first(
		under(when(b.Weight, weight), "weight"),
		under(when(b.LeafWeight, weight), "leafWeight"),
		under(each(b.WeightDevice, func(d specs.LinuxWeightDevice) error {
			return first(checkBlockDevice(d.LinuxBlockIODevice),
				under(when(d.Weight, weight), "weight"), under(when(d.LeafWeight, weight), "leafWeight"))
		}), "weightDevice"),
		under(each(b.ThrottleReadBpsDevice, checkThrottle), "throttleReadBpsDevice"),
		under(each(b.ThrottleWriteBpsDevice, checkThrottle), "throttleWriteBpsDevice"),
		under(each(b.ThrottleReadIOPSDevice, checkThrottle), "throttleReadIOPSDevice"),
		under(each(b.ThrottleWriteIOPSDevice, checkThrottle), "throttleWriteIOPSDevice"),
	)
}

func checkThrottle(d specs.LinuxThrottleDevice) error { return checkBlockDevice(d.LinuxBlockIODevice) }

func checkBlockDevice(d specs.LinuxBlockIODevice) error {
	if d.Major < 0 || d.Major > maxMajor {
		return wrong("major", "%d is not between 0 and %d", d.Major, maxMajor)
	}
	if d.Minor < 0 || d.Minor > maxMinor {
		return wrong("minor", "%d is not between 0 and %d", d.Minor, maxMinor)
	}
	return nil
}

// pageSize is a size of huge pages as file names of the hugetlb controller have it.
var pageSize = onDemand(`^[1-9][0-9]{0,9}[KMG]B$`)

func checkHugepages(h specs.LinuxHugepageLimit) error {
	if !pageSize().MatchString(h.Pagesize) {
		return wrong("pageSize", "%s is no size, such as 64KB, 2MB or 1GB", quote(h.Pagesize))
	}
	return nil
}

func checkNetwork(n *specs.LinuxNetwork) error {
	return under(each(n.Priorities, func(p specs.LinuxInterfacePriority) error {
		return under(checkInterface(p.Name), "name")
	}), "priorities")
}

// checkFileName checks a name that becomes one of a file, or a word in one.
func checkFileName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/ \n") {
		return errors.New("not a name of one file")
	}
	return nil
}

// unifiedName is what the files of cgroup v2 that can be set are called: a controller's
// or the core's name, a dot, and more. "cgroup.procs" and the like would move processes
// or change what is below: they are the runtime's.
var unifiedName = onDemand(`^[a-z0-9_]+\.[A-Za-z0-9_.]+$`)

// unifiedOwn are the files of the core that are the runtime's business.
var unifiedOwn = map[string]string{
	"cgroup.procs":           "it moves processes",
	"cgroup.threads":         "it moves threads",
	"cgroup.kill":            "it kills processes",
	"cgroup.freeze":          "pause does it",
	"cgroup.type":            "the runtime chooses it",
	"cgroup.subtree_control": "the runtime chooses it",
}

func checkUnified(name, _ string) error {
	if !unifiedName().MatchString(name) {
		return errors.New("not a name of a file of cgroup v2, such as memory.high")
	}
	if why := unifiedOwn[name]; why != "" {
		return errors.New("cannot be set: " + why)
	}
	return nil
}
