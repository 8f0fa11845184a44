package procfs

import (
	"fmt"
	"slices"
	"strings"
)

// Node is a file or directory of the guest's /sys.
type Node struct {
	// Path is below /sys, without a slash in front.
	Path string
	// Kind is File or Dir.
	Kind Kind
	// Content is a file's.
	Content string
}

// Perm returns the permission bits.
func (n Node) Perm() uint32 {
	if n.Kind == Dir {
		return 0o755
	}
	return 0o444
}

// Sys gives everything that a guest finds in /sys, for a tmpfs: what programs
// read there to learn the number of CPUs and nodes, the caches, and whether
// pages are huge (sysfs(5)). Directories come before what is in them, and the
// order is that of the paths.
func Sys(b Box) []Node {
	b = b.withDefaults()
	cpus := cpuList(b.CPUs)
	mask := cpuMask(b.CPUs)
	files := map[string]string{
		"devices/system/cpu/isolated":   "",
		"devices/system/cpu/kernel_max": fmt.Sprint(MaxCPUs - 1),
		"devices/system/cpu/offline":    "",
		"devices/system/cpu/online":     cpus,
		"devices/system/cpu/possible":   cpus,
		"devices/system/cpu/present":    cpus,
		"devices/system/cpu/smt/active": "0",
		// A CPU whose cores have one thread each.
		"devices/system/cpu/smt/control": "notsupported",

		"devices/system/node/has_cpu":           "0",
		"devices/system/node/has_memory":        "0",
		"devices/system/node/has_normal_memory": "0",
		"devices/system/node/online":            "0",
		"devices/system/node/possible":          "0",
		"devices/system/node/node0/cpulist":     cpus,
		"devices/system/node/node0/cpumap":      mask,
		"devices/system/node/node0/distance":    "10",

		"kernel/mm/transparent_hugepage/defrag":         "always defer defer+madvise madvise [never]",
		"kernel/mm/transparent_hugepage/enabled":        "always madvise [never]",
		"kernel/mm/transparent_hugepage/hpage_pmd_size": "2097152",
		"kernel/mm/transparent_hugepage/shmem_enabled":  "always within_size advise [never] deny force",
	}
	m := MemoryOf(b)
	files["devices/system/node/node0/meminfo"] = fmt.Sprintf(
		"Node 0 MemTotal:       %8d kB\nNode 0 MemFree:        %8d kB\nNode 0 MemUsed:        %8d kB",
		m.Total>>10, m.Free>>10, (m.Total-m.Free)>>10)
	for i := range b.CPUs {
		cpuFiles(files, i, b.CPUs)
	}

	dirs := map[string]bool{}
	nodes := make([]Node, 0, 2*len(files))
	for path, content := range files {
		nodes = append(nodes, Node{Path: path, Kind: File, Content: content + "\n"})
		for dir := parent(path); dir != "" && !dirs[dir]; dir = parent(dir) {
			dirs[dir] = true
			nodes = append(nodes, Node{Path: dir, Kind: Dir})
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Path, b.Path) })
	return nodes
}

// parent is the directory of a path, "" at the top.
func parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}

// caches are those of one CPU, by index.
var caches = []struct {
	level, kib, ways int
	kind             string
	shared           bool
}{
	{1, CacheL1KiB, 8, "Data", false},
	{1, CacheL1KiB, 8, "Instruction", false},
	{2, CacheL2KiB, 16, "Unified", false},
	{3, CacheL3KiB, 16, "Unified", true},
}

// cpuFiles adds the files of one CPU: its place among the cores of the only
// package, and, of the first, its caches. All CPUs are alike, programs that ask
// for the size of a cache ask the first, and every box pays for every file.
func cpuFiles(files map[string]string, i, cpus int) {
	all, allMask := cpuList(cpus), cpuMask(cpus)
	own, ownMask := fmt.Sprint(i), oneCPUMask(i, cpus)
	dir := fmt.Sprintf("devices/system/cpu/cpu%d/", i)
	if i > 0 {
		// The first CPU cannot be taken offline.
		files[dir+"online"] = "1"
	}
	for name, value := range map[string]string{
		"core_cpus": ownMask, "core_cpus_list": own, "core_id": own,
		"core_siblings": allMask, "core_siblings_list": all,
		"die_cpus": allMask, "die_cpus_list": all, "die_id": "0",
		"package_cpus": allMask, "package_cpus_list": all, "physical_package_id": "0",
		"thread_siblings": ownMask, "thread_siblings_list": own,
	} {
		files[dir+"topology/"+name] = value
	}
	if i > 0 {
		return
	}
	for n, c := range caches {
		list, mask, id := own, ownMask, own
		if c.shared {
			list, mask, id = all, allMask, "0"
		}
		for name, value := range map[string]string{
			"coherency_line_size":   fmt.Sprint(CacheLine),
			"id":                    id,
			"level":                 fmt.Sprint(c.level),
			"number_of_sets":        fmt.Sprint(c.kib << 10 / CacheLine / c.ways),
			"shared_cpu_list":       list,
			"shared_cpu_map":        mask,
			"size":                  fmt.Sprintf("%dK", c.kib),
			"type":                  c.kind,
			"ways_of_associativity": fmt.Sprint(c.ways),
		} {
			files[fmt.Sprintf("%scache/index%d/%s", dir, n, name)] = value
		}
	}
}

// oneCPUMask prints one of cpus CPUs as a mask, as wide as that of all.
func oneCPUMask(i, cpus int) string {
	all := strings.Split(cpuMask(cpus), ",")
	words := make([]string, len(all))
	for w := range words {
		format := "%08x"
		if w == 0 {
			format = fmt.Sprintf("%%0%dx", len(all[0]))
		}
		bit := uint32(0)
		if len(words)-1-w == i/32 {
			bit = 1 << (i % 32)
		}
		words[w] = fmt.Sprintf(format, bit)
	}
	return strings.Join(words, ",")
}
