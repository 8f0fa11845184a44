package cgroup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// FieldError says which field of linux.resources could not be set.
type FieldError struct {
	Field string // such as "memory.limit"
	Err   error
}

func (e *FieldError) Error() string { return "linux.resources." + e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// ErrNoController says that no hierarchy has what a limit needs.
var ErrNoController = errors.New("no such controller")

// A setting is what is written for a field to the file of a controller. Of several files the first
// that exists is written to.
type setting struct {
	field, controller string
	files             []string
	value             string
	// values, if any, are the texts for the files one by one, in place of value.
	values []string
	// needless says that a kernel without the files does by itself what is asked for.
	needless bool
}

// Set sets limits, those that resources has; nil has none. It stops at one that cannot be
// set, which the error, a *FieldError, names, and those set before it are as they were again, but
// for devices, for limits of single devices and for unified.
func (g *Group) Set(r *specs.LinuxResources) error {
	if r == nil {
		return nil
	}
	if err := g.setDevices(r.Devices); err != nil {
		return err
	}
	r = g.complete(r)
	var all []setting
	for _, make := range []func(*specs.LinuxResources, func(controller string) bool) ([]setting, error){
		memorySettings, cpuSettings, pidsSettings, blockSettings, hugeSettings, networkSettings, rdmaSettings,
	} {
		some, err := make(r, g.hasV2)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	if err := g.checkMemory(r.Memory); err != nil {
		return err
	}
	before := g.read(all)
	if err := g.write(all); err != nil {
		_ = g.write(before)
		return err
	}
	if err := g.setUnified(r.Unified); err != nil {
		_ = g.write(before)
		return err
	}
	return nil
}

// hasV2 tells whether a controller is in the v2 hierarchy.
func (g *Group) hasV2(controller string) bool {
	return g.V2 != "" && slices.Contains(g.Controllers, controller)
}

// dirOf is where a controller's files are.
func (g *Group) dirOf(controller string) string {
	if g.hasV2(controller) {
		return g.V2
	}
	return g.V1[controller]
}

// checkMemory refuses a limit that is below what is in use, where that is asked for.
func (g *Group) checkMemory(m *specs.LinuxMemory) error {
	if m == nil || m.CheckBeforeUpdate == nil || !*m.CheckBeforeUpdate || m.Limit == nil || *m.Limit < 0 {
		return nil
	}
	name := "memory.usage_in_bytes"
	if g.hasV2("memory") {
		name = "memory.current"
	}
	used, err := readUint(path.Join(g.dirOf("memory"), name))
	if err == nil && used > uint64(*m.Limit) {
		err = fmt.Errorf("%d is less than the %d bytes that are in use", *m.Limit, used)
	}
	if err != nil {
		return &FieldError{"memory.limit", err}
	}
	return nil
}

func number[T int64 | uint64 | uint32 | uint16](n T) string { return fmt.Sprint(n) }

// most is a limit as v2 writes it.
func most(n int64) string {
	if n < 0 {
		return "max"
	}
	return number(n)
}

func memorySettings(r *specs.LinuxResources, v2 func(string) bool) (all []setting, err error) {
	m := r.Memory
	if m == nil {
		return nil, nil
	}
	add := func(field, value string, files ...string) {
		all = append(all, setting{field: "memory." + field, controller: "memory", files: files, value: value})
	}
	unsupported := func(field string) error {
		return &FieldError{"memory." + field, errors.New("cgroup v2 has no such limit")}
	}
	// Memory without a limit is none if together with swap it has one.
	unlimited := m.Limit != nil && *m.Limit < 0 && (m.Swap == nil || *m.Swap == 0)
	if !v2("memory") {
		if m.Limit != nil && *m.Limit != 0 {
			add("limit", number(*m.Limit), "memory.limit_in_bytes")
		}
		switch {
		case m.Swap != nil && *m.Swap != 0:
			add("swap", number(*m.Swap), "memory.memsw.limit_in_bytes")
		case unlimited:
			add("swap", "-1", "memory.memsw.limit_in_bytes")
			all[len(all)-1].needless = true
		}
		if m.Reservation != nil && *m.Reservation != 0 {
			add("reservation", number(*m.Reservation), "memory.soft_limit_in_bytes")
		}
		if m.KernelTCP != nil && *m.KernelTCP != 0 {
			add("kernelTCP", number(*m.KernelTCP), "memory.kmem.tcp.limit_in_bytes")
		}
		if m.Swappiness != nil {
			add("swappiness", number(*m.Swappiness), "memory.swappiness")
		}
		if m.DisableOOMKiller != nil {
			add("disableOOMKiller", map[bool]string{true: "1", false: "0"}[*m.DisableOOMKiller], "memory.oom_control")
		}
		if m.UseHierarchy != nil {
			add("useHierarchy", map[bool]string{true: "1", false: "0"}[*m.UseHierarchy], "memory.use_hierarchy")
		}
		return all, nil // the kernel has no limit for memory of its own any more: memory.kernel
	}
	switch {
	case m.KernelTCP != nil && *m.KernelTCP != 0:
		return nil, unsupported("kernelTCP")
	case m.Swappiness != nil:
		return nil, unsupported("swappiness")
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		return nil, unsupported("disableOOMKiller")
	}
	if unlimited {
		add("swap", "max", "memory.swap.max")
		all[len(all)-1].needless = true
	}
	if m.Swap != nil && *m.Swap != 0 {
		// There it counts alone, here together with memory.
		swap := *m.Swap
		if swap > 0 {
			if m.Limit == nil || *m.Limit < 0 || *m.Limit > swap {
				return nil, &FieldError{"memory.swap", errors.New("memory and swap together must be at least memory.limit")}
			}
			swap -= *m.Limit
		}
		add("swap", most(swap), "memory.swap.max")
		all[len(all)-1].needless = swap <= 0 // a kernel without swap
	}
	if m.Limit != nil && *m.Limit != 0 {
		add("limit", most(*m.Limit), "memory.max")
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		add("reservation", most(*m.Reservation), "memory.low")
	}
	return all, nil
}

func cpuSettings(r *specs.LinuxResources, v2 func(string) bool) (all []setting, err error) {
	c := r.CPU
	if c == nil {
		return nil, nil
	}
	add := func(field, controller, value string, files ...string) {
		all = append(all, setting{field: "cpu." + field, controller: controller, files: files, value: value})
	}
	if c.Cpus != "" {
		add("cpus", "cpuset", c.Cpus, "cpuset.cpus")
	}
	if c.Mems != "" {
		add("mems", "cpuset", c.Mems, "cpuset.mems")
	}
	// A group that is idle has no shares: they come before.
	defer func() {
		if c.Idle != nil {
			add("idle", "cpu", number(*c.Idle), "cpu.idle")
		}
	}()
	if !v2("cpu") {
		if c.Shares != nil && *c.Shares != 0 {
			add("shares", "cpu", number(*c.Shares), "cpu.shares")
		}
		if c.Period != nil && *c.Period != 0 {
			add("period", "cpu", number(*c.Period), "cpu.cfs_period_us")
		}
		if c.Quota != nil && *c.Quota != 0 {
			add("quota", "cpu", number(*c.Quota), "cpu.cfs_quota_us")
		}
		if c.Burst != nil {
			add("burst", "cpu", number(*c.Burst), "cpu.cfs_burst_us")
		}
		if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
			add("realtimePeriod", "cpu", number(*c.RealtimePeriod), "cpu.rt_period_us")
		}
		if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
			add("realtimeRuntime", "cpu", number(*c.RealtimeRuntime), "cpu.rt_runtime_us")
		}
		return all, nil
	}
	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 || c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		return nil, &FieldError{"cpu.realtimeRuntime", errors.New("cgroup v2 has no such limit")}
	}
	if c.Shares != nil && *c.Shares != 0 {
		add("shares", "cpu", number(cgroup2.ConvertCPUSharesToCgroupV2Value(*c.Shares)), "cpu.weight")
	}
	if q, p := c.Quota, c.Period; q != nil && *q != 0 || p != nil && *p != 0 {
		value, period := "max", uint64(100_000)
		if q != nil && *q > 0 {
			value = number(*q)
		}
		if p != nil && *p != 0 {
			period = *p
		}
		add("quota", "cpu", value+" "+number(period), "cpu.max")
	}
	if c.Burst != nil {
		add("burst", "cpu", number(*c.Burst), "cpu.max.burst")
	}
	return all, nil
}

func pidsSettings(r *specs.LinuxResources, _ func(string) bool) ([]setting, error) {
	if r.Pids == nil || r.Pids.Limit == nil {
		return nil, nil
	}
	return []setting{{field: "pids.limit", controller: "pids", files: []string{"pids.max"}, value: most(*r.Pids.Limit)}}, nil
}

func hugeSettings(r *specs.LinuxResources, v2 func(string) bool) (all []setting, err error) {
	for i, l := range r.HugepageLimits {
		field := fmt.Sprintf("hugepageLimits[%d]", i)
		if l.Pagesize == "" || strings.ContainsAny(l.Pagesize, "/.") {
			return nil, &FieldError{field + ".pageSize", fmt.Errorf("%q is no size of a page", l.Pagesize)}
		}
		names := []string{"rsvd.limit_in_bytes", "limit_in_bytes"}
		if v2("hugetlb") {
			names = []string{"rsvd.max", "max"}
		}
		for k, n := range names {
			all = append(all, setting{field: field, controller: "hugetlb", files: []string{"hugetlb." + l.Pagesize + "." + n},
				value: number(l.Limit), needless: k == 0}) // reservations are counted since Linux 5.7
		}
	}
	return all, nil
}

func networkSettings(r *specs.LinuxResources, _ func(string) bool) (all []setting, err error) {
	n := r.Network
	if n == nil {
		return nil, nil
	}
	if n.ClassID != nil && *n.ClassID != 0 {
		all = append(all, setting{field: "network.classID", controller: "net_cls", files: []string{"net_cls.classid"}, value: number(*n.ClassID)})
	}
	for i, p := range n.Priorities {
		all = append(all, setting{field: fmt.Sprintf("network.priorities[%d]", i), controller: "net_prio",
			files: []string{"net_prio.ifpriomap"}, value: p.Name + " " + number(p.Priority)})
	}
	return all, nil
}

func rdmaSettings(r *specs.LinuxResources, _ func(string) bool) (all []setting, err error) {
	var devices []string
	for d := range r.Rdma {
		devices = append(devices, d)
	}
	slices.Sort(devices)
	for _, d := range devices {
		value, l := d, r.Rdma[d]
		if l.HcaHandles != nil {
			value += " hca_handle=" + number(*l.HcaHandles)
		}
		if l.HcaObjects != nil {
			value += " hca_object=" + number(*l.HcaObjects)
		}
		all = append(all, setting{field: "rdma." + d, controller: "rdma", files: []string{"rdma.max"}, value: value})
	}
	return all, nil
}

// setUnified writes files of the v2 group, as the section "Unified" of config-linux says.
func (g *Group) setUnified(files map[string]string) error {
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		controller, _, dot := strings.Cut(n, ".")
		var err error
		switch {
		case !dot || strings.ContainsAny(n, "/\x00"):
			err = fmt.Errorf("%q is no file of a cgroup", n)
		case g.V2 == "":
			err = errors.New("there is no cgroup v2 here")
		case controller != "cgroup" && !slices.Contains(g.Controllers, controller):
			err = fmt.Errorf("%s: %w in the v2 hierarchy", controller, ErrNoController)
		default:
			for line := range strings.SplitSeq(files[n], "\n") { // io.max takes a device a write
				if err = writeFile(path.Join(g.V2, n), line); err != nil {
					break
				}
			}
		}
		if err != nil {
			return &FieldError{"unified." + n, err}
		}
	}
	return nil
}
