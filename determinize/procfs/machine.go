package procfs

import (
	"fmt"
	"strings"
)

// flag is a CPU feature: its name in cpuinfo, and its bit in CPUID leaf 1 EDX,
// which AT_HWCAP shows, or -1 where it is elsewhere.
type flag struct {
	name string
	bit  int
}

// flags is the x86-64-v2 level of the psABI, and what every such CPU has.
var flags = []flag{
	{"fpu", 0}, {"vme", 1}, {"de", 2}, {"pse", 3}, {"tsc", 4}, {"msr", 5}, {"pae", 6}, {"mce", 7},
	{"cx8", 8}, {"apic", 9}, {"sep", 11}, {"mtrr", 12}, {"pge", 13}, {"mca", 14}, {"cmov", 15},
	{"pat", 16}, {"pse36", 17}, {"clflush", 19}, {"mmx", 23}, {"fxsr", 24}, {"sse", 25}, {"sse2", 26},
	{"syscall", -1}, {"nx", -1}, {"lm", -1}, {"constant_tsc", -1}, {"rep_good", -1}, {"nopl", -1},
	{"nonstop_tsc", -1}, {"cpuid", -1}, {"pni", -1}, {"ssse3", -1}, {"cx16", -1}, {"sse4_1", -1},
	{"sse4_2", -1}, {"popcnt", -1}, {"lahf_lm", -1},
}

// HWCAP is AT_HWCAP of the CPU that cpuinfo shows: the bits of CPUID leaf 1 EDX
// for its flags (getauxval(3)).
func HWCAP() uint64 {
	var bits uint64
	for _, f := range flags {
		if f.bit >= 0 {
			bits |= 1 << f.bit
		}
	}
	return bits
}

// Caches of the CPU, in KiB: level-1 data and instructions, 2 and 3. They are
// what sysconf(3) and the C library's tunables are to show too.
const (
	CacheL1KiB = 32
	CacheL2KiB = 1024
	CacheL3KiB = 16384
	// CacheLine is the line size in bytes.
	CacheLine = 64
)

// cpuinfo is /proc/cpuinfo: one package of single-threaded cores.
func cpuinfo(in input) []byte {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = f.name
	}
	var b strings.Builder
	for i := range in.box.CPUs {
		fmt.Fprintf(&b, "processor\t: %d\n", i)
		b.WriteString("vendor_id\t: Laplace\ncpu family\t: 6\nmodel\t\t: 1\nmodel name\t: Laplace Virtual CPU\n")
		b.WriteString("stepping\t: 0\nmicrocode\t: 0x1\ncpu MHz\t\t: 2000.000\n")
		fmt.Fprintf(&b, "cache size\t: %d KB\nphysical id\t: 0\n", CacheL3KiB)
		fmt.Fprintf(&b, "siblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n", in.box.CPUs, i, in.box.CPUs)
		fmt.Fprintf(&b, "apicid\t\t: %d\ninitial apicid\t: %d\n", i, i)
		b.WriteString("fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n")
		fmt.Fprintf(&b, "flags\t\t: %s\nbugs\t\t:\n", strings.Join(names, " "))
		fmt.Fprintf(&b, "bogomips\t: 4000.00\nclflush size\t: %d\ncache_alignment\t: %d\n", CacheLine, CacheLine)
		b.WriteString("address sizes\t: 48 bits physical, 48 bits virtual\npower management:\n\n")
	}
	return []byte(b.String())
}

// cpuList prints the CPUs 0 to n-1 as a list (cpuset(7)).
func cpuList(n int) string {
	if n == 1 {
		return "0"
	}
	return fmt.Sprintf("0-%d", n-1)
}

// cpuMask prints the CPUs 0 to n-1 as a mask (cpuset(7)): 32-bit words in
// hexadecimal, the highest first, which has no leading zeros.
func cpuMask(n int) string {
	first := n % 32
	if first == 0 {
		first = 32
	}
	mask := fmt.Sprintf("%x", uint32(1<<first-1))
	return mask + strings.Repeat(",ffffffff", (n-first)/32)
}

// Memory is the state of the box's memory in bytes, which meminfo and
// sysinfo(2) show: most of it is free, nothing is swapped.
type Memory struct {
	Total, Free, Available, Buffers, Cached, Shared uint64
}

// MemoryOf returns the memory of a box.
func MemoryOf(b Box) Memory {
	total := b.withDefaults().MemTotal &^ 0xfff
	return Memory{
		Total:     total,
		Free:      total / 8 * 6 &^ 0xfff,
		Available: total / 8 * 7 &^ 0xfff,
		Buffers:   total / 64 &^ 0xfff,
		Cached:    total / 8 &^ 0xfff,
	}
}

// meminfo is /proc/meminfo, with the lines that every kernel has.
func meminfo(in input) []byte {
	m := MemoryOf(in.box)
	used := m.Total - m.Free - m.Buffers - m.Cached
	var b strings.Builder
	for _, line := range []struct {
		name  string
		bytes uint64
	}{
		{"MemTotal", m.Total}, {"MemFree", m.Free}, {"MemAvailable", m.Available},
		{"Buffers", m.Buffers}, {"Cached", m.Cached}, {"SwapCached", 0},
		{"Active", used / 2}, {"Inactive", m.Cached + m.Buffers},
		{"Active(anon)", used / 2}, {"Inactive(anon)", 0},
		{"Active(file)", 0}, {"Inactive(file)", m.Cached + m.Buffers},
		{"Unevictable", 0}, {"Mlocked", 0},
		{"SwapTotal", 0}, {"SwapFree", 0},
		{"Dirty", 0}, {"Writeback", 0},
		{"AnonPages", used / 2}, {"Mapped", m.Cached / 4}, {"Shmem", m.Shared},
		{"KReclaimable", used / 8}, {"Slab", used / 4},
		{"SReclaimable", used / 8}, {"SUnreclaim", used / 8},
		{"KernelStack", 4 << 20}, {"PageTables", 8 << 20},
		{"NFS_Unstable", 0}, {"Bounce", 0}, {"WritebackTmp", 0},
		{"CommitLimit", m.Total / 2}, {"Committed_AS", used},
		{"VmallocTotal", 34359738367 << 10}, {"VmallocUsed", 16 << 20}, {"VmallocChunk", 0},
		{"Percpu", 1 << 20},
	} {
		fmt.Fprintf(&b, "%-15s %8d kB\n", line.name+":", line.bytes>>10)
	}
	b.WriteString("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n")
	b.WriteString("Hugepagesize:       2048 kB\nHugetlb:               0 kB\n")
	return []byte(b.String())
}

// vmstat is /proc/vmstat, with the counters that vmstat(8) and the like read.
func vmstat(in input) []byte {
	m := MemoryOf(in.box)
	var b strings.Builder
	for _, line := range []struct {
		name  string
		value uint64
	}{
		{"nr_free_pages", m.Free / 4096}, {"nr_file_pages", (m.Cached + m.Buffers) / 4096},
		{"nr_dirty", 0}, {"nr_writeback", 0},
		{"pgpgin", 0}, {"pgpgout", 0}, {"pswpin", 0}, {"pswpout", 0},
		{"pgalloc_normal", 0}, {"pgfree", 0}, {"pgfault", 0}, {"pgmajfault", 0},
		{"oom_kill", 0},
	} {
		fmt.Fprintf(&b, "%s %d\n", line.name, line.value)
	}
	return []byte(b.String())
}
