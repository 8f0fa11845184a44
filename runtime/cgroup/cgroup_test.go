package cgroup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Hosts as /proc tells them.
const (
	hybridMounts = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
36 31 0:30 / /mnt/again rw - cgroup cgroup rw,memory
`
	hybridOwn    = "4:memory:/user/a\n3:cpu,cpuacct:/\n2:name=systemd:/user.slice\n0::/user.slice\n"
	v2Mounts     = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	v2Own        = "0::/user.slice/user-0.slice\n"
	nestedMounts = "31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	nestedOwn    = "0::/docker/abc/x\n"
)

// everywhere says that a mount point is seen.
func everywhere(string, bool) bool { return true }

func TestParseHost(t *testing.T) {
	for _, test := range []struct {
		name, mounts, own string
		unified           bool
		absolute, below   []string // directories of /a/b, and of c
	}{
		{"hybrid", hybridMounts, hybridOwn, false,
			[]string{"/sys/fs/cgroup/cpu,cpuacct/a/b", "/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/systemd/a/b", "/sys/fs/cgroup/unified/a/b"},
			[]string{"/sys/fs/cgroup/cpu,cpuacct/c", "/sys/fs/cgroup/memory/user/a/c", "/sys/fs/cgroup/systemd/user.slice/c", "/sys/fs/cgroup/unified/c"}},
		{"v2", v2Mounts, v2Own, true, []string{"/sys/fs/cgroup/a/b"}, []string{"/sys/fs/cgroup/user.slice/c"}},
		{"in a container", nestedMounts, nestedOwn, true, []string{"/sys/fs/cgroup/a/b"}, []string{"/sys/fs/cgroup/c"}},
		{"deep in a container", nestedMounts, "0::/docker/abc/x/y\n", true, []string{"/sys/fs/cgroup/a/b"}, []string{"/sys/fs/cgroup/x/c"}},
		{"outside of its namespace", v2Mounts, "0::/../../x\n", true, []string{"/sys/fs/cgroup/a/b"}, []string{"/sys/fs/cgroup/c"}},
		{"removed", hybridMounts, "4:memory:/user/a (deleted)\n", false,
			[]string{"/sys/fs/cgroup/cpu,cpuacct/a/b", "/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/systemd/a/b", "/sys/fs/cgroup/unified/a/b"},
			[]string{"/sys/fs/cgroup/cpu,cpuacct/c", "/sys/fs/cgroup/memory/c", "/sys/fs/cgroup/systemd/c", "/sys/fs/cgroup/unified/c"}},
		{"elsewhere", nestedMounts, "0::/docker/abcd\n", true, []string{"/sys/fs/cgroup/a/b"}, []string{"/sys/fs/cgroup/c"}},
	} {
		h, err := parseHost(strings.NewReader(test.mounts), strings.NewReader(test.own), everywhere)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if h.Unified() != test.unified {
			t.Errorf("%s: unified %v", test.name, h.Unified())
		}
		var absolute, below []string
		for i := range h.hierarchies {
			absolute = append(absolute, h.hierarchies[i].dir("/a/b"))
			below = append(below, h.hierarchies[i].dir("c"))
		}
		if diff := cmp.Diff([][]string{test.absolute, test.below}, [][]string{absolute, below}); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if _, err := parseHost(strings.NewReader("31 23 0:28 / /tmp rw - tmpfs tmpfs rw\n"), strings.NewReader("0::/\n"), everywhere); err != ErrNone {
		t.Errorf("a host without: %v", err)
	}
	for _, own := range []string{"nonsense", "0:", "0::relative\n"} {
		if _, err := parseHost(strings.NewReader(v2Mounts), strings.NewReader(own), everywhere); err == nil {
			t.Errorf("/proc/self/cgroup %q is accepted", own)
		}
	}
	h, err := parseHost(strings.NewReader(hybridMounts), strings.NewReader(hybridOwn), func(point string, v2 bool) bool {
		return point != "/sys/fs/cgroup/memory" && v2 == (point == "/sys/fs/cgroup/unified")
	})
	if err != nil || h.with("memory") == nil || h.with("memory").point != "/mnt/again" {
		t.Errorf("a mount point with something else over it: %+v, %v", h, err)
	}
	h, err = parseHost(strings.NewReader(hybridMounts), strings.NewReader(hybridOwn), everywhere)
	if err != nil || h.with("cpuacct") == nil || h.with("pids") != nil {
		t.Errorf("controllers of a hybrid host: %+v, %v", h, err)
	}
}

func TestParsers(t *testing.T) {
	if diff := cmp.Diff(map[string]uint64{"a": 1, "c": math.MaxUint64, "d": 0}, flat([]byte("a 1\nb x\nc max\n\nd -5\ne\nf 99999999999999999999\n"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]BlkioEntry{{8, 0, "Read", 4096}, {8, 1, "", 7}}, parseBlkio([]byte("8:0 Read 4096\n8:1 7\nTotal 4096\nx:y Read 1\n8:0 Read x\n8:0 a b 5\n"))); diff != "" {
		t.Error(diff)
	}
	sizes, ops := parseIOStat([]byte("8:0 rbytes=1 wbytes=2 rios=3 new=9 wios=x\nnonsense\n8 rbytes=1\n"))
	if diff := cmp.Diff([][]BlkioEntry{{{8, 0, "Read", 1}, {8, 0, "Write", 2}}, {{8, 0, "Read", 3}}}, [][]BlkioEntry{sizes, ops}); diff != "" {
		t.Error(diff)
	}
	if got := parseColumn([]byte("1 2\n3 x 4\n")); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Error(got)
	}
	for list, want := range map[string][]uint16{"0-2,5": {0, 1, 2, 5}, "": nil, "3": {3}, "2-1": nil, "1-": nil, "0-99999999": nil, "-1": nil} {
		if got := parseList(list); !slices.Equal(got, want) {
			t.Errorf("%q: %v", list, got)
		}
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte("8:0 rbytes=1\nTotal 5\n0-3,5\nmax"))
	f.Fuzz(func(t *testing.T, b []byte) {
		flat(b)
		parseBlkio(b)
		parseIOStat(b)
		parseColumn(b)
		parseV1Rules(string(b))
		if n := len(parseList(string(b))); n > 1<<16*(bytes.Count(b, []byte(","))+1) {
			t.Errorf("a list of %d", n)
		}
		parseHost(bytes.NewReader(b), bytes.NewReader(b), everywhere)
	})
}

// real makes a group on this host, which is gone when the test ends.
func real(t *testing.T, o Options) *Group {
	t.Helper()
	h, err := Detect()
	if err != nil {
		t.Skip("needs control groups:", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make control groups")
	}
	g, err := Create(h, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
		for _, d := range g.dirs() {
			if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left: %v", d, err)
			}
		}
	})
	// As another process has it.
	b, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	g = &Group{}
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// name is a group's that no other test has.
func name(t *testing.T) string { return fmt.Sprintf("/laplace-test-%d/%s", os.Getpid(), t.Name()) }

// start starts a program in a group.
func start(t *testing.T, g *Group, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if err := g.Join(cmd.Process.Pid, 0); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestGroup(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if pids, err := g.Processes(); err != nil || len(pids) > 0 {
		t.Errorf("in an empty group: %v, %v", pids, err)
	}
	cmd := start(t, g, "sleep", "1000")
	if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("processes: %v, %v", pids, err)
	}
	h, _ := Detect()
	if _, err := Create(h, Options{Path: name(t), ID: "x"}); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "1 process(es) found") {
		t.Errorf("one that is in use: %v", err)
	}
	if pids, err := g.Processes(); err != nil || len(pids) != 1 {
		t.Errorf("after that: %v, %v", pids, err)
	}
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	if on, err := g.Frozen(); !on || err != nil {
		t.Errorf("frozen: %v, %v", on, err)
	}
	if err := g.Thaw(); err != nil {
		t.Error(err)
	}
	if on, err := g.Frozen(); on || err != nil {
		t.Errorf("thawed: %v, %v", !on, err)
	}
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.String() != "signal: killed" {
		t.Errorf("killed while frozen: %v", err)
	}
	if err := g.Kill(); err != nil {
		t.Errorf("nobody: %v", err)
	}
	if f, err := g.Open(); err != nil || (f != nil) != (g.V2 != "") {
		t.Errorf("open: %v, %v", f, err)
	} else if f != nil {
		f.Close()
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := g.Processes(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("processes of what is gone: %v", err)
	}
	if on, err := g.Frozen(); on || err != nil {
		t.Errorf("what is gone is frozen: %v, %v", on, err)
	}
	if err := g.Kill(); err != nil {
		t.Errorf("kill in what is gone: %v", err)
	}
	if err := g.Remove(); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestKillV1 kills without a v2 group, processes that fork meanwhile, in groups of their own.
func TestKillV1(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if len(g.V1) == 0 {
		t.Skip("needs a v1 hierarchy")
	}
	old := &Group{V1: g.V1}
	cmd := start(t, old, "sh", "-c", "while :; do sleep 0.001 & done")
	time.Sleep(50 * time.Millisecond)
	if err := old.Kill(); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	if gone, err := until(func() (bool, error) {
		pids, err := old.Processes()
		return len(pids) == 0, err
	}); !gone || err != nil {
		t.Errorf("somebody is left: %v", err)
	}
}

func TestLimits(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	p := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	if err := g.Set(&specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: p(64 << 20)},
		CPU:     &specs.LinuxCPU{Shares: u(512), Quota: p(20_000), Period: u(50_000), Cpus: "0"},
		Pids:    &specs.LinuxPids{Limit: p(10)},
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
	}); err != nil {
		t.Fatal(err)
	}
	s, err := g.Stats()
	if err != nil || s.Memory.Usage.Limit != 64<<20 || s.Pids.Limit != 10 || !slices.Equal(s.CPUSet.CPUs, []uint16{0}) {
		t.Errorf("%+v, %v", s, err)
	}
	// Up and down again, memory and swap.
	for _, mib := range []int64{200, 32, 100} {
		r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(mib << 20), Swap: p(mib<<20 + 1<<20)}}
		err := g.Set(r)
		if e, ok := errors.AsType[*FieldError](err); ok && e.Field == "memory.swap" && errors.Is(err, fs.ErrNotExist) {
			r.Memory.Swap, err = nil, nil // the kernel does not count swap
			err = g.Set(r)
		}
		if s, serr := g.Stats(); err != nil || serr != nil || s.Memory.Usage.Limit != uint64(mib)<<20 {
			t.Errorf("%d MiB: %+v, %v, %v", mib, s, err, serr)
		}
	}
	check := true
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "read go; sleep 1000 & sleep 1000 & wait")
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Join(cmd.Process.Pid, 0); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("\n"))
	w.Close()
	r.Close()
	if gone, err := until(func() (bool, error) {
		s, err := g.Stats()
		return err == nil && s.Pids.Current == 3 && s.CPU.Usage.Total > 0 && s.Memory.Usage.Usage > 0, err
	}); !gone || err != nil {
		s, _ := g.Stats()
		t.Errorf("three processes are counted as %+v, %v", s, err)
	}
	if err := g.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(4096), CheckBeforeUpdate: &check}}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("less than is in use: %v", err)
	}
	g.Kill()
	cmd.Wait()
}

func TestOOM(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	limit := int64(16 << 20)
	if err := g.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}); err != nil {
		t.Fatal(err)
	}
	o, err := g.WatchOOM()
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() { told <- o.Wait() }()
	cmd := exec.Command("sh", "-c", "read go; x=x; while :; do x=$x$x; done")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Join(cmd.Process.Pid, 0); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("\n"))
	w.Close()
	r.Close()
	if err := <-told; err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it has all the memory that it wants")
	}
	go func() { told <- o.Wait() }()
	o.Close()
	if err := <-told; !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCreate(t *testing.T) {
	h, err := Detect()
	if err != nil {
		t.Skip("needs control groups:", err)
	}
	for _, path := range []string{"/", "/a/../..", "..", "a\nb", "/a/../b"} {
		if g, err := Create(h, Options{Path: path, ID: "x"}); err == nil {
			g.Remove()
			t.Errorf("%q is a group", path)
		}
	}
	g := real(t, Options{Path: name(t), ID: "x"})
	if _, err := Create(h, Options{Path: name(t), ID: "x"}); err != nil {
		t.Errorf("one that is there, and empty: %v", err)
	}
	views := g.Views(h)
	if len(views) != len(h.hierarchies) {
		t.Errorf("%d views of %d hierarchies", len(views), len(h.hierarchies))
	}
	for _, v := range views {
		if _, err := os.Stat(filepath.Join(v.Dir, "cgroup.procs")); err != nil {
			t.Error(err)
		}
	}
}

// TestMain removes the directory above the tests' groups.
func TestMain(m *testing.M) {
	code := m.Run()
	if h, err := Detect(); err == nil {
		for i := range h.hierarchies {
			unix.Rmdir(h.hierarchies[i].dir(fmt.Sprintf("/laplace-test-%d", os.Getpid())))
		}
	}
	os.Exit(code)
}
