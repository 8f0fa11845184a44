package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// all are resources with every field.
func all() *specs.LinuxResources {
	p := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	w := func(n uint16) *uint16 { return &n }
	c := func(n uint32) *uint32 { return &n }
	device := func(rate uint64) []specs.LinuxThrottleDevice {
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = 8, 0
		return []specs.LinuxThrottleDevice{d}
	}
	weight := specs.LinuxWeightDevice{Weight: w(300)}
	weight.Major, weight.Minor = 8, 16
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: p(100 << 20), Swap: p(150 << 20), Reservation: p(50 << 20)},
		CPU:    &specs.LinuxCPU{Shares: u(512), Quota: p(20_000), Period: u(50_000), Burst: u(1000), Cpus: "0-1", Mems: "0", Idle: p(0)},
		Pids:   &specs.LinuxPids{Limit: p(20)},
		BlockIO: &specs.LinuxBlockIO{Weight: w(200), WeightDevice: []specs.LinuxWeightDevice{weight},
			ThrottleReadBpsDevice: device(1), ThrottleWriteBpsDevice: device(2), ThrottleReadIOPSDevice: device(3), ThrottleWriteIOPSDevice: device(4)},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}},
		Network:        &specs.LinuxNetwork{ClassID: c(7), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 3}}},
		Rdma:           map[string]specs.LinuxRdma{"mlx": {HcaHandles: c(3), HcaObjects: c(10)}},
	}
}

// made is a host whose hierarchies are directories with the files that the kernel would make.
func made(t *testing.T, v2 bool) (*Group, string) {
	t.Helper()
	dir := t.TempDir()
	names := []string{
		"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.cfs_burst_us",
		"cpu.idle", "cpuset.cpus", "cpuset.mems", "pids.max", "blkio.weight", "blkio.weight_device", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
		"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device", "hugetlb.2MB.limit_in_bytes", "net_cls.classid", "net_prio.ifpriomap", "rdma.max",
	}
	g := &Group{V1: map[string]string{}}
	if v2 {
		names = []string{"memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpu.max", "cpu.max.burst", "cpu.idle", "cpuset.cpus", "cpuset.mems", "pids.max",
			"io.weight", "io.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "rdma.max", "memory.high"}
		g = &Group{V2: dir, Controllers: []string{"memory", "cpu", "cpuset", "pids", "io", "hugetlb", "rdma"}}
	}
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !v2 {
			c, _, _ := strings.Cut(n, ".")
			g.V1[c] = dir
		}
	}
	return g, dir
}

// written are the files of a directory that are not empty.
func written(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil && len(b) > 0 {
			out[e.Name()] = string(b)
		}
	}
	return out
}

func TestSet(t *testing.T) {
	g, dir := made(t, false)
	if err := g.Set(all()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{
		"memory.limit_in_bytes": "104857600", "memory.memsw.limit_in_bytes": "157286400", "memory.soft_limit_in_bytes": "52428800",
		"cpu.shares": "512", "cpu.cfs_period_us": "50000", "cpu.cfs_quota_us": "20000", "cpu.cfs_burst_us": "1000", "cpu.idle": "0", "cpuset.cpus": "0-1", "cpuset.mems": "0",
		"pids.max": "20", "blkio.weight": "200", "blkio.weight_device": "8:16 300", "blkio.throttle.read_bps_device": "8:0 1", "blkio.throttle.write_bps_device": "8:0 2",
		"blkio.throttle.read_iops_device": "8:0 3", "blkio.throttle.write_iops_device": "8:0 4", "hugetlb.2MB.limit_in_bytes": "4194304", "net_cls.classid": "7",
		"net_prio.ifpriomap": "lo 3", "rdma.max": "mlx hca_handle=3 hca_object=10",
	}, written(t, dir)); diff != "" {
		t.Error(diff)
	}
	g, dir = made(t, true)
	r := all()
	r.Network = nil
	r.Unified = map[string]string{"memory.high": "123", "io.max": "8:0 rbps=5\n8:16 wbps=6"}
	if err := g.Set(r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{
		"memory.max": "104857600", "memory.swap.max": "52428800", "memory.low": "52428800", "cpu.weight": "59", "cpu.max": "20000 50000", "cpu.max.burst": "1000",
		"cpu.idle": "0", "cpuset.cpus": "0-1", "cpuset.mems": "0", "pids.max": "20", "io.weight": "8:16 2930", "io.max": "8:16 wbps=6",
		"hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304", "rdma.max": "mlx hca_handle=3 hca_object=10", "memory.high": "123",
	}, written(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestUnset checks limits that say that there is none.
func TestUnset(t *testing.T) {
	p := func(n int64) *int64 { return &n }
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(-1), Swap: p(-1)}, Pids: &specs.LinuxPids{Limit: p(-1)}, CPU: &specs.LinuxCPU{Quota: p(-1)}}
	for v2, want := range map[bool]map[string]string{
		false: {"memory.limit_in_bytes": "-1", "memory.memsw.limit_in_bytes": "-1", "pids.max": "max", "cpu.cfs_quota_us": "-1"},
		true:  {"memory.max": "max", "memory.swap.max": "max", "pids.max": "max", "cpu.max": "max 100000"},
	} {
		g, dir := made(t, v2)
		if err := g.Set(r); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, written(t, dir)); diff != "" {
			t.Errorf("v2 %v: %s", v2, diff)
		}
	}
	// Memory without a limit has none with swap either, and needs no kernel that counts it.
	for _, v2 := range []bool{false, true} {
		g, dir := made(t, v2)
		r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(-1)}}
		swap := map[bool]string{false: "memory.memsw.limit_in_bytes", true: "memory.swap.max"}[v2]
		if err := g.Set(r); err != nil || written(t, dir)[swap] == "" {
			t.Errorf("v2 %v: %q, %v", v2, written(t, dir), err)
		}
		os.Remove(filepath.Join(dir, swap))
		if err := g.Set(r); err != nil {
			t.Errorf("v2 %v: %v", v2, err)
		}
	}
	if err := (&Group{}).Set(nil); err != nil {
		t.Error(err)
	}
}

// TestComplete updates one of two values that v2 has together.
func TestComplete(t *testing.T) {
	p := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	for _, test := range []struct {
		file, now string
		r         specs.LinuxResources
		wrote     string
		want      string // "" is an error
	}{
		{"cpu.max", "20000 50000\n", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: p(10_000)}}, "cpu.max", "10000 50000"},
		{"cpu.max", "20000 50000\n", specs.LinuxResources{CPU: &specs.LinuxCPU{Period: u(40_000)}}, "cpu.max", "20000 40000"},
		{"cpu.max", "20000 50000\n", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: p(-1)}}, "cpu.max", "max 50000"},
		{"cpu.max", "max 100000\n", specs.LinuxResources{CPU: &specs.LinuxCPU{Period: u(40_000)}}, "cpu.max", "max 40000"},
		{"cpu.max", "nonsense", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: p(10_000)}}, "cpu.max", "10000 100000"},
		{"memory.max", "1000\n", specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: p(1500)}}, "memory.swap.max", "500"},
		{"memory.max", "max\n", specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: p(1500)}}, "memory.swap.max", ""},
		{"memory.max", "2000\n", specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: p(1500)}}, "memory.swap.max", ""},
	} {
		g, dir := made(t, true)
		if err := os.WriteFile(filepath.Join(dir, test.file), []byte(test.now), 0o600); err != nil {
			t.Fatal(err)
		}
		err := g.Set(&test.r)
		// A file here is not emptied when it is written.
		if got := written(t, dir)[test.wrote]; (err != nil) != (test.want == "") || err == nil && !strings.HasPrefix(got, test.want) {
			t.Errorf("%s of %q: %q, %v", test.wrote, test.now, got, err)
		}
	}
}

// TestField checks that a limit that cannot be set is named.
func TestField(t *testing.T) {
	yes, p := true, func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	for field, test := range map[string]struct {
		v2 bool
		r  specs.LinuxResources
	}{
		"memory.limit":                     {false, specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(1)}}},
		"pids.limit":                       {false, specs.LinuxResources{Pids: &specs.LinuxPids{Limit: p(1)}}},
		"memory.swap":                      {true, specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(20), Swap: p(10)}}},
		"memory.disableOOMKiller":          {true, specs.LinuxResources{Memory: &specs.LinuxMemory{DisableOOMKiller: &yes}}},
		"memory.swappiness":                {true, specs.LinuxResources{Memory: &specs.LinuxMemory{Swappiness: u(1)}}},
		"cpu.realtimeRuntime":              {true, specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimeRuntime: p(1)}}},
		"network.priorities[0]":            {true, specs.LinuxResources{Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo"}}}}},
		"hugepageLimits[0]":                {false, specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}}}},
		"hugepageLimits[0].pageSize":       {true, specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "../x", Limit: 1}}}},
		"unified.memory/high":              {true, specs.LinuxResources{Unified: map[string]string{"memory/high": "1"}}},
		"unified.misc.max":                 {true, specs.LinuxResources{Unified: map[string]string{"misc.max": "1"}}},
		"unified.memory.high":              {false, specs.LinuxResources{Unified: map[string]string{"memory.high": "1"}}},
		"unified.memory.nothing":           {true, specs.LinuxResources{Unified: map[string]string{"memory.nothing": "1"}}},
		"blockIO.throttleReadBpsDevice[0]": {false, specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{}}}}},
		"devices":                          {false, specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{}}}},
	} {
		g, _ := made(t, test.v2)
		if !test.v2 {
			g = &Group{V1: map[string]string{"name=systemd": g.V1["cpu"]}}
		}
		err := g.Set(&test.r)
		e, ok := errors.AsType[*FieldError](err)
		if !ok || e.Field != field || !strings.HasPrefix(err.Error(), "linux.resources."+field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
