package cgroup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Stats are what a container has used, as runc's `events --stats` prints it; times are
// nanoseconds, memory is in bytes.
type Stats struct {
	CPU     CPU             `json:"cpu"`
	CPUSet  CPUSet          `json:"cpuset"`
	Memory  Memory          `json:"memory"`
	Pids    Pids            `json:"pids"`
	Blkio   Blkio           `json:"blkio"`
	Hugetlb map[string]Huge `json:"hugetlb"`
	// Laplace gives no container an allocation of resctrl or network interfaces to count.
	IntelRDT struct{}   `json:"intel_rdt"`
	Network  []struct{} `json:"network_interfaces"`
}

// CPU is the time that was used.
type CPU struct {
	Usage      CPUUsage   `json:"usage"`
	Throttling Throttling `json:"throttling"`
}

// CPUUsage is CPU time, in all and of each CPU.
type CPUUsage struct {
	Total        uint64   `json:"total,omitempty"`
	PerCPU       []uint64 `json:"percpu,omitempty"`
	PerCPUKernel []uint64 `json:"percpu_kernel,omitempty"`
	PerCPUUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

// Throttling is what cpu.quota has done.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// CPUSet are the CPUs and nodes that the container may use, and what else v1 says in files of
// the same names; cpuset(7).
type CPUSet struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

// Memory is the memory that is in use. A Limit of 2^64-1 is none.
type Memory struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     MemoryUse         `json:"usage"`
	Swap      MemoryUse         `json:"swap"`
	Kernel    MemoryUse         `json:"kernel"`
	KernelTCP MemoryUse         `json:"kernelTCP"`
	Raw       map[string]uint64 `json:"raw,omitempty"` // memory.stat
}

// MemoryUse is one kind of memory.
type MemoryUse struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Pids is how many processes and threads there are. A Limit of 0 is none.
type Pids struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// Huge are pages of one size.
type Huge struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Blkio is what block devices were used for.
type Blkio struct {
	Bytes       []BlkioEntry `json:"ioServiceBytesRecursive,omitempty"`
	Ops         []BlkioEntry `json:"ioServicedRecursive,omitempty"`
	Queued      []BlkioEntry `json:"ioQueueRecursive,omitempty"`
	ServiceTime []BlkioEntry `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime    []BlkioEntry `json:"ioWaitTimeRecursive,omitempty"`
	Merged      []BlkioEntry `json:"ioMergedRecursive,omitempty"`
	Time        []BlkioEntry `json:"ioTimeRecursive,omitempty"`
	Sectors     []BlkioEntry `json:"sectorsRecursive,omitempty"`
}

// BlkioEntry is a count of a device.
type BlkioEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// Stats counts. What the host does not count is 0; the error is ErrNoGroup, or fs.ErrNotExist
// if the group is gone.
func (g *Group) Stats() (*Stats, error) {
	dir, err := g.membership()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	s := &Stats{Network: []struct{}{}, Hugetlb: map[string]Huge{}}
	g.cpu(s)
	g.memory(s)
	g.hugetlb(s)
	g.blkio(s)
	if dir := g.dirOf("pids"); dir != "" {
		s.Pids.Current, _ = readUint(path.Join(dir, "pids.current"))
		if n, err := readUint(path.Join(dir, "pids.max")); err == nil && n+1 != 0 {
			s.Pids.Limit = n
		}
	}
	g.cpuset(&s.CPUSet)
	return s, nil
}

func (g *Group) cpuset(c *CPUSet) {
	dir := g.dirOf("cpuset")
	if dir == "" {
		return
	}
	c.CPUs = readList(path.Join(dir, "cpuset.cpus"), path.Join(dir, "cpuset.cpus.effective"))
	c.Mems = readList(path.Join(dir, "cpuset.mems"), path.Join(dir, "cpuset.mems.effective"))
	for name, value := range map[string]*uint64{
		"cpu_exclusive": &c.CPUExclusive, "mem_hardwall": &c.MemHardwall, "mem_exclusive": &c.MemExclusive, "memory_migrate": &c.MemoryMigrate,
		"memory_spread_page": &c.MemorySpreadPage, "memory_spread_slab": &c.MemorySpreadSlab, "memory_pressure": &c.MemoryPressure,
		"sched_load_balance": &c.SchedLoadBalance,
	} {
		*value, _ = readUint(path.Join(dir, "cpuset."+name))
	}
	text, _ := os.ReadFile(path.Join(dir, "cpuset.sched_relax_domain_level"))
	c.SchedRelaxDomainLevel, _ = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

func (g *Group) cpu(s *Stats) {
	const micro, tick = 1000, 10_000_000 // USER_HZ is 100
	if g.hasV2("cpu") || len(g.V1) == 0 {
		stat := readFlat(path.Join(g.V2, "cpu.stat"))
		s.CPU.Usage.Total = stat["usage_usec"] * micro
		s.CPU.Usage.User = stat["user_usec"] * micro
		s.CPU.Usage.Kernel = stat["system_usec"] * micro
		s.CPU.Throttling = Throttling{stat["nr_periods"], stat["nr_throttled"], stat["throttled_usec"] * micro}
		return
	}
	if dir := g.V1["cpu"]; dir != "" {
		stat := readFlat(path.Join(dir, "cpu.stat"))
		s.CPU.Throttling = Throttling{stat["nr_periods"], stat["nr_throttled"], stat["throttled_time"]}
	}
	dir := g.V1["cpuacct"]
	if dir == "" {
		return
	}
	s.CPU.Usage.Total, _ = readUint(path.Join(dir, "cpuacct.usage"))
	stat := readFlat(path.Join(dir, "cpuacct.stat"))
	s.CPU.Usage.User, s.CPU.Usage.Kernel = stat["user"]*tick, stat["system"]*tick
	text, _ := os.ReadFile(path.Join(dir, "cpuacct.usage_percpu"))
	s.CPU.Usage.PerCPU = parseColumn(text)
	text, _ = os.ReadFile(path.Join(dir, "cpuacct.usage_percpu_user"))
	s.CPU.Usage.PerCPUUser = parseColumn(text)
	text, _ = os.ReadFile(path.Join(dir, "cpuacct.usage_percpu_sys"))
	s.CPU.Usage.PerCPUKernel = parseColumn(text)
}

// parseColumn reads a number for each CPU. What is none ends it.
func parseColumn(text []byte) (out []uint64) {
	for _, f := range strings.Fields(string(text)) {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

func (g *Group) memory(s *Stats) {
	dir := g.dirOf("memory")
	if dir == "" {
		return
	}
	m := &s.Memory
	m.Raw = readFlat(path.Join(dir, "memory.stat"))
	read := func(name string) uint64 {
		n, _ := readUint(path.Join(dir, name))
		return n
	}
	if g.hasV2("memory") {
		m.Cache = m.Raw["file"]
		m.Usage = MemoryUse{read("memory.max"), read("memory.current"), read("memory.peak"), readFlat(path.Join(dir, "memory.events"))["max"]}
		// runc counts memory and swap together, as v1 does.
		m.Swap = MemoryUse{Limit: read("memory.swap.max"), Usage: read("memory.swap.current") + m.Usage.Usage}
		if m.Swap.Limit+1 != 0 {
			m.Swap.Limit += m.Usage.Limit
		}
		return
	}
	m.Cache = m.Raw["cache"]
	use := func(kind string) MemoryUse {
		kind = "memory." + kind
		return MemoryUse{read(kind + "limit_in_bytes"), read(kind + "usage_in_bytes"), read(kind + "max_usage_in_bytes"), read(kind + "failcnt")}
	}
	m.Usage, m.Swap, m.Kernel, m.KernelTCP = use(""), use("memsw."), use("kmem."), use("kmem.tcp.")
}

func (g *Group) hugetlb(s *Stats) {
	dir := g.dirOf("hugetlb")
	if dir == "" {
		return
	}
	usage, limit := ".usage_in_bytes", ".max_usage_in_bytes"
	if g.hasV2("hugetlb") {
		usage, limit = ".current", ".max"
	}
	names, _ := filepath.Glob(path.Join(dir, "hugetlb.*"+usage))
	for _, name := range names {
		size := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "hugetlb."), usage)
		if strings.Contains(size, ".") { // of reservations
			continue
		}
		var h Huge
		h.Usage, _ = readUint(name)
		if g.hasV2("hugetlb") {
			h.Failcnt = readFlat(path.Join(dir, "hugetlb."+size+".events"))["max"]
		} else {
			h.Max, _ = readUint(path.Join(dir, "hugetlb."+size+limit))
			h.Failcnt, _ = readUint(path.Join(dir, "hugetlb."+size+".failcnt"))
		}
		s.Hugetlb[size] = h
	}
}

func (g *Group) blkio(s *Stats) {
	if g.hasV2("io") {
		text, _ := os.ReadFile(path.Join(g.V2, "io.stat"))
		s.Blkio.Bytes, s.Blkio.Ops = parseIOStat(text)
		return
	}
	dir := g.V1["blkio"]
	if dir == "" {
		return
	}
	read := func(name string) []BlkioEntry {
		for _, n := range []string{"blkio.bfq." + name + "_recursive", "blkio.throttle." + name + "_recursive", "blkio.throttle." + name} {
			text, err := os.ReadFile(path.Join(dir, n))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if entries := parseBlkio(text); len(entries) > 0 {
				return entries
			}
		}
		return nil
	}
	s.Blkio = Blkio{
		Bytes: read("io_service_bytes"), Ops: read("io_serviced"), Queued: read("io_queued"), ServiceTime: read("io_service_time"),
		WaitTime: read("io_wait_time"), Merged: read("io_merged"), Time: read("time"), Sectors: read("sectors"),
	}
}

// parseBlkio reads lines "8:0 Read 4096", or "8:0 4096"; the last is a sum. What is not so is left out.
func parseBlkio(text []byte) (out []BlkioEntry) {
	for line := range bytes.Lines(text) {
		f := strings.Fields(string(line))
		if len(f) != 2 && len(f) != 3 {
			continue
		}
		major, minor, ok := parseDevice(f[0])
		n, err := strconv.ParseUint(f[len(f)-1], 10, 64)
		if !ok || err != nil {
			continue
		}
		e := BlkioEntry{Major: major, Minor: minor, Value: n}
		if len(f) == 3 {
			e.Op = f[1]
		}
		out = append(out, e)
	}
	return out
}

// parseIOStat reads lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...".
func parseIOStat(text []byte) (sizes, ops []BlkioEntry) {
	names := map[string]struct {
		op    string
		bytes bool
	}{"rbytes": {"Read", true}, "wbytes": {"Write", true}, "dbytes": {"Discard", true}, "rios": {"Read", false}, "wios": {"Write", false}, "dios": {"Discard", false}}
	for line := range bytes.Lines(text) {
		f := strings.Fields(string(line))
		if len(f) < 2 {
			continue
		}
		major, minor, ok := parseDevice(f[0])
		if !ok {
			continue
		}
		for _, pair := range f[1:] {
			name, value, _ := strings.Cut(pair, "=")
			k, known := names[name]
			n, err := strconv.ParseUint(value, 10, 64)
			if !known || err != nil {
				continue
			}
			e := BlkioEntry{major, minor, k.op, n}
			if k.bytes {
				sizes = append(sizes, e)
			} else {
				ops = append(ops, e)
			}
		}
	}
	return sizes, ops
}

func parseDevice(s string) (major, minor uint64, ok bool) {
	a, b, _ := strings.Cut(s, ":")
	major, err := strconv.ParseUint(a, 10, 32)
	minor, err2 := strconv.ParseUint(b, 10, 32)
	return major, minor, err == nil && err2 == nil
}

// readList reads the first of some lists like "0-3,5" that is not empty.
func readList(names ...string) []uint16 {
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if list := parseList(strings.TrimSpace(string(text))); len(list) > 0 {
			return list
		}
	}
	return nil
}

// parseList reads a list of cpuset(7). What is not so ends it.
func parseList(s string) (out []uint16) {
	for part := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(part, "-")
		if !isRange {
			b = a
		}
		from, err := strconv.ParseUint(a, 10, 16)
		to, err2 := strconv.ParseUint(b, 10, 16)
		if err != nil || err2 != nil {
			return out
		}
		for n := from; n <= to; n++ {
			out = append(out, uint16(n))
		}
	}
	return out
}
