package procfs

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// keys returns what comes before the first colon of each line.
func keys(b []byte) (all []string) {
	for line := range bytes.Lines(b) {
		if k, _, ok := bytes.Cut(line, []byte(":")); ok {
			all = append(all, string(bytes.TrimSpace(k)))
		}
	}
	return all
}

// ordered reports the first element of sub that does not follow in all.
func ordered(sub, all []string) string {
	for _, k := range sub {
		for len(all) > 0 && all[0] != k {
			all = all[1:]
		}
		if len(all) == 0 {
			return k
		}
	}
	return ""
}

// TestLinesAreTheKernels: what is pinned has lines that the running kernel has,
// in its order; it may have more.
func TestLinesAreTheKernels(t *testing.T) {
	for _, name := range []string{"meminfo", "self/status", "self/smaps_rollup", "self/limits", "self/io"} {
		real, err := os.ReadFile("/proc/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		var d Disposition
		if file, isProcess := strings.CutPrefix(name, "self/"); isProcess {
			row, _ := ProcessRow(file)
			input := real
			if row.Reads != file && row.Reads != "" {
				if input, err = os.ReadFile("/proc/self/" + row.Reads); err != nil {
					t.Fatal(err)
				}
			}
			got, d = PerProcess(file, input, testBox, Process{})
		} else {
			got, d = Global(name, testBox, Clock{})
		}
		if d != Virtual {
			t.Fatalf("%s is %v", name, d)
		}
		if missing := ordered(keys(got), keys(real)); missing != "" {
			t.Errorf("%s: the kernel has no %s there", name, missing)
		}
	}
}

func TestCPUInfo(t *testing.T) {
	got, _ := Global("cpuinfo", Box{}, Clock{})
	if n := bytes.Count(got, []byte("processor\t: ")); n != DefaultCPUs {
		t.Errorf("%d processors, want %d", n, DefaultCPUs)
	}
	if n := bytes.Count(got, []byte("\n\n")); n != DefaultCPUs {
		t.Errorf("%d blank lines, want one after each processor", n)
	}
	for _, want := range []string{
		"model name\t: Laplace Virtual CPU\n", "siblings\t: 4\n", "core id\t\t: 3\n", " sse4_2 ", " cx16 ", " popcnt ",
	} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
	for _, above := range []string{"avx", "rdrand", "bmi", "movbe", "fma"} {
		if bytes.Contains(got, []byte(" "+above)) {
			t.Errorf("%s is beyond x86-64-v2", above)
		}
	}
	// The bits of fpu to sse2 that every x86-64 CPU has.
	if got := HWCAP(); got != 0x078bfbff {
		t.Errorf("HWCAP %#x", got)
	}
	many, _ := Global("cpuinfo", Box{CPUs: 1 << 30}, Clock{})
	if n := bytes.Count(many, []byte("processor\t: ")); n != MaxCPUs {
		t.Errorf("%d processors where there may be %d", n, MaxCPUs)
	}
}

func TestCPUSets(t *testing.T) {
	for _, tt := range []struct {
		n          int
		list, mask string
	}{
		{1, "0", "1"}, {2, "0-1", "3"}, {4, "0-3", "f"}, {31, "0-30", "7fffffff"}, {32, "0-31", "ffffffff"},
		{33, "0-32", "1,ffffffff"}, {64, "0-63", "ffffffff,ffffffff"}, {70, "0-69", "3f,ffffffff,ffffffff"},
	} {
		if l, m := cpuList(tt.n), cpuMask(tt.n); l != tt.list || m != tt.mask {
			t.Errorf("%d CPUs: %s %s, want %s %s", tt.n, l, m, tt.list, tt.mask)
		}
	}
	for _, tt := range []struct {
		i, n int
		mask string
	}{
		{0, 4, "1"}, {3, 4, "8"}, {0, 33, "0,00000001"}, {32, 33, "1,00000000"}, {5, 70, "00,00000000,00000020"},
	} {
		if got := oneCPUMask(tt.i, tt.n); got != tt.mask {
			t.Errorf("CPU %d of %d: %s, want %s", tt.i, tt.n, got, tt.mask)
		}
	}
}

// TestMeminfo: the parts are at most the whole, and sysinfo's are the same.
func TestMeminfo(t *testing.T) {
	for _, total := range []uint64{0, 4096, 1 << 20, 1<<33 + 12345, 1 << 40} {
		b := Box{MemTotal: total}
		got, _ := Global("meminfo", b, Clock{})
		values := map[string]uint64{}
		for line := range bytes.Lines(got) {
			var name string
			var kib uint64
			if _, err := fmt.Sscanf(string(line), "%s %d", &name, &kib); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			values[strings.TrimSuffix(name, ":")] = kib
		}
		m := MemoryOf(b)
		if values["MemTotal"] != m.Total>>10 || values["MemFree"] != m.Free>>10 || values["Shmem"] != m.Shared>>10 {
			t.Errorf("meminfo and MemoryOf differ: %v, %v", values, m)
		}
		if values["MemFree"]+values["Buffers"]+values["Cached"] > values["MemTotal"] || values["MemAvailable"] > values["MemTotal"] {
			t.Errorf("the parts are more than the whole: %v", values)
		}
		if total == 0 && m.Total != DefaultMemTotal {
			t.Errorf("default total %d", m.Total)
		}
	}
}

func TestSys(t *testing.T) {
	nodes := Sys(Box{CPUs: 2})
	content := map[string]string{}
	kinds := map[string]Kind{"": Dir}
	for i, n := range nodes {
		if i > 0 && nodes[i-1].Path >= n.Path {
			t.Errorf("%s comes after %s", n.Path, nodes[i-1].Path)
		}
		if kind, ok := kinds[parent(n.Path)]; !ok || kind != Dir {
			t.Errorf("%s comes before its directory", n.Path)
		}
		if n.Kind == Dir && n.Content != "" {
			t.Errorf("%s is a directory with content", n.Path)
		}
		kinds[n.Path] = n.Kind
		content[n.Path] = n.Content
	}
	for path, want := range map[string]string{
		"devices/system/cpu/online":                            "0-1\n",
		"devices/system/cpu/offline":                           "\n",
		"devices/system/cpu/cpu1/online":                       "1\n",
		"devices/system/cpu/cpu1/topology/core_id":             "1\n",
		"devices/system/cpu/cpu1/topology/thread_siblings":     "2\n",
		"devices/system/cpu/cpu0/cache/index3/shared_cpu_list": "0-1\n",
		"devices/system/cpu/cpu0/cache/index0/number_of_sets":  "64\n",
		"devices/system/cpu/cpu0/cache/index2/size":            "1024K\n",
		"devices/system/node/node0/cpumap":                     "3\n",
		"kernel/mm/transparent_hugepage/enabled":               "always madvise [never]\n",
	} {
		if got, ok := content[path]; !ok || got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if _, ok := content["devices/system/cpu/cpu0/online"]; ok {
		t.Error("the first CPU has a file online")
	}
	if _, ok := content["devices/system/cpu/cpu2"]; ok {
		t.Error("there is a third CPU")
	}
}
