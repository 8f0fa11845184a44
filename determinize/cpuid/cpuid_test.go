package cpuid

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The model is what /proc/cpuinfo says, on each CPU.
func TestThis(t *testing.T) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	info := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		info[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	got := This()
	if got.Vendor != info["vendor_id"] || strconv.Itoa(int(got.Family)) != info["cpu family"] ||
		strconv.Itoa(int(got.Model)) != info["model"] || strconv.Itoa(int(got.Stepping)) != info["stepping"] {
		t.Errorf("%v, cpuinfo %s, %s, %s, %s", got, info["vendor_id"], info["cpu family"], info["model"], info["stepping"])
	}
	if len(got.Features) != len("sha256:")+64 {
		t.Errorf("features %q", got.Features)
	}
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	defer unix.SchedSetaffinity(0, &before)
	for cpu := range 1024 {
		if !before.IsSet(cpu) {
			continue
		}
		var one unix.CPUSet
		one.Set(cpu)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		if here := This(); here != got {
			t.Errorf("on CPU %d: %v %s, not %v %s", cpu, here, here.Features, got, got.Features)
		}
	}
}

func TestModel(t *testing.T) {
	type leaf struct{ leaf, sub uint32 }
	cpu := func(change map[leaf]registers) Model {
		leaves := map[leaf]registers{
			{0, 0}:        {0xd, 0x756e6547, 0x6c65746e, 0x49656e69}, // GenuineIntel
			{1, 0}:        {0x000906ea, 0x01020800, 0x7ffafbbf, 0xbfebfbff},
			{7, 0}:        {0, 0x029c6fbf, 0, 0x9c002400},
			{extended, 0}: {extended + 8, 0, 0, 0},
		}
		for k, v := range change {
			leaves[k] = v
		}
		return model(func(l, s uint32) registers { return leaves[leaf{l, s}] }, func() uint64 { return 7 })
	}
	base := cpu(nil)
	if base.String() != "GenuineIntel family 6 model 158 stepping 10" {
		t.Error(base)
	}
	for _, tt := range []struct {
		what string
		at   leaf
		r    registers
		same bool
		as   string
	}{
		{what: "another CPU of the machine", at: leaf{1, 0}, r: registers{0x000906ea, 0x03020800, 0x7ffafbbf, 0xbfebfbff}, same: true},
		{what: "other caches", at: leaf{4, 0}, r: registers{1, 2, 3, 4}, same: true},
		{what: "another stepping", at: leaf{1, 0}, r: registers{0x000906eb, 0, 0x7ffafbbf, 0xbfebfbff}, same: true,
			as: "GenuineIntel family 6 model 158 stepping 11"},
		{what: "an old family", at: leaf{1, 0}, r: registers{0x000f05ea, 0, 0x7ffafbbf, 0xbfebfbff}, same: true,
			as: "GenuineIntel family 5 model 14 stepping 10"},
		{what: "AMD's Zen 3", at: leaf{1, 0}, r: registers{0x00a00f11, 0, 0x7ffafbbf, 0xbfebfbff}, same: true,
			as: "GenuineIntel family 25 model 1 stepping 1"},
		{what: "no AVX2", at: leaf{7, 0}, r: registers{0, 0x029c6f9f, 0, 0x9c002400}},
		{what: "no XGETBV", at: leaf{1, 0}, r: registers{0x000906ea, 0, 0x77fafbbf, 0xbfebfbff}},
		{what: "beyond the last leaf", at: leaf{0x19, 0}, r: registers{1, 1, 1, 1}, same: true},
		{what: "beyond the last extended leaf", at: leaf{extended + 0x21, 0}, r: registers{1, 1, 1, 1}, same: true},
		{what: "no monitor, though it has a leaf", at: leaf{hypervisor, 0}, r: registers{1, 2, 3, 4}, same: true},
		{what: "in a virtual machine", at: leaf{1, 0}, r: registers{0x000906ea, 0, 0x7ffafbbf | hypervised, 0xbfebfbff}},
		{what: "an extended leaf", at: leaf{extended + 1, 0}, r: registers{0, 0, 1, 0}},
	} {
		got := cpu(map[leaf]registers{tt.at: tt.r})
		if (got.Features == base.Features) != tt.same {
			t.Errorf("%s: features %s, before %s", tt.what, got.Features, base.Features)
		}
		if want := tt.as; want != "" && got.String() != want {
			t.Errorf("%s: %v, want %s", tt.what, got, want)
		}
	}
}

func BenchmarkThis(b *testing.B) {
	for b.Loop() {
		This()
	}
}
