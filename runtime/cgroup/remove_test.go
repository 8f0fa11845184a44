package cgroup

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestRemoveInUse removes a group in which a process stays, which is one wait for all hierarchies.
func TestRemoveInUse(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	cmd := start(t, g, "sleep", "1000")
	err := g.remove(0)
	if !errors.Is(err, ErrNotEmpty) || strings.Count(err.Error(), "1 process(es) found") != 1 {
		t.Errorf("one in use: %v", err)
	}
	if pids, err := g.Processes(); err != nil || len(pids) != 1 {
		t.Errorf("after that: %v, %v", pids, err)
	}
	g.Kill()
	cmd.Wait()
}

// TestKillFrozenBelow kills a process that was frozen by v1 in a group that the container has made.
func TestKillFrozenBelow(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if g.V1["freezer"] == "" {
		t.Skip("needs the freezer controller of v1")
	}
	below := filepath.Join(g.V1["freezer"], "below", "again")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, g, "sleep", "1000")
	for file, text := range map[string]string{"cgroup.procs": strconv.Itoa(cmd.Process.Pid), "freezer.state": "FROZEN"} {
		if err := writeFile(filepath.Join(below, file), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	cmd.Wait() // it hangs if it does not die
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// TestKillWithoutV2 kills where the v2 directory is gone, as after half of a removal.
func TestKillWithoutV2(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if len(g.V1) == 0 || g.V2 == "" {
		t.Skip("needs a hybrid host")
	}
	cmd := start(t, &Group{V1: g.V1}, "sleep", "1000")
	if err := os.Remove(g.V2); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	cmd.Wait()
}

// TestDeepGroups has groups below the container's whose paths are longer than PATH_MAX.
func TestDeepGroups(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	dir := g.dirs()[0]
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 200)
	for range 2 * unix.PathMax / len(long) {
		if err := unix.Mkdirat(at, long, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(at, long, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		unix.Close(at)
		if err != nil {
			t.Fatal(err)
		}
		at = below
	}
	unix.Close(at)
	if pids, err := processes(dir); err != nil || len(pids) > 0 {
		t.Errorf("%v, %v", pids, err)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// TestCreateFails creates groups that cannot be had: what was there before stays, and nothing else.
func TestCreateFails(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	dirs := g.dirs()
	last := dirs[len(dirs)-1]
	old := &Group{V2: last}
	cmd := start(t, old, "sleep", "1000")
	if _, err := Create(h, Options{Path: name(t), ID: "x"}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("one with a process in the last hierarchy: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("what was there: %v", err)
		}
	}
	// The last hierarchy has a file where the group should be.
	file := path.Join(path.Dir(name(t)), "cgroup.procs")
	one := &Host{hierarchies: h.hierarchies[:1]}
	if _, err := Create(one, Options{Path: file, ID: "x"}); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	broken := &Host{hierarchies: append(h.hierarchies[:len(h.hierarchies):len(h.hierarchies)], hierarchy{controllers: []string{"no"}, point: "/proc"})}
	if _, err := Create(broken, Options{Path: path.Join(name(t), "a/b"), ID: "x"}); err == nil {
		t.Error("a group in /proc")
	}
	for _, dir := range dirs {
		if _, err := os.Stat(path.Join(dir, "a")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s/a is left: %v", dir, err)
		}
	}
}

// TestCreateFrozen creates groups in which a process would stop at once.
func TestCreateFrozen(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	for _, freezer := range []*Group{{V2: g.V2}, {V1: g.V1}} {
		if err := freezer.Freeze(); errors.Is(err, ErrNoFreezer) {
			continue
		} else if err != nil {
			t.Error(err)
		}
		for _, where := range []string{name(t), path.Join(name(t), "below")} {
			if _, err := Create(h, Options{Path: where, ID: "x"}); !errors.Is(err, ErrFrozen) {
				t.Errorf("%s: %v", where, err)
			}
		}
		// Whichever froze it.
		if on, err := g.Frozen(); !on || err != nil {
			t.Errorf("frozen: %v, %v", on, err)
		}
		if err := g.Thaw(); err != nil {
			t.Error(err)
		}
		if on, err := g.Frozen(); on || err != nil {
			t.Errorf("thawed: %v, %v", !on, err)
		}
	}
}

// TestOOMEnd removes a group that is watched: nothing has been killed, and the watch ends.
func TestOOMEnd(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	o, err := g.WatchOOM()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if err := o.Wait(); err != io.EOF {
		t.Errorf("%v", err)
	}
	if err := o.Wait(); err != io.EOF {
		t.Errorf("again: %v", err)
	}
}

// TestOOMV2 has the watch of a v2 group end when its last process does; the file that counts is
// another of that group, as there may be no memory controller.
func TestOOMV2(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if g.V2 == "" {
		t.Skip("needs a v2 hierarchy")
	}
	cmd := start(t, g, "sleep", "1000")
	o, err := watchV2(g.V2, "cgroup.stat")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	cmd.Process.Kill()
	cmd.Wait()
	if err := o.Wait(); err != io.EOF {
		t.Errorf("%v", err)
	}
}

// TestCountOOM reads what a v2 group counts.
func TestCountOOM(t *testing.T) {
	dir := t.TempDir()
	o := &OOMs{v2: true, file: filepath.Join(dir, "memory.events"), seen: 1}
	for _, step := range []struct {
		events, group string
		oom, ended    bool
	}{
		{"oom 1\noom_kill 1\n", "populated 1\n", false, false},
		{"oom 2\noom_kill 2\n", "populated 1\n", true, false},
		{"oom 3\noom_kill 2\n", "populated 1\n", false, false},
		{"oom 3\noom_kill 4\n", "populated 0\n", true, true},
		{"oom 3\noom_kill 4\n", "populated 0\n", false, true},
	} {
		err := errors.Join(os.WriteFile(o.file, []byte(step.events), 0o600), os.WriteFile(filepath.Join(dir, "cgroup.events"), []byte(step.group), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if oom, err := o.countedV2(); oom != step.oom || o.ended != step.ended || err != nil {
			t.Errorf("%+v: %v, %v, %v", step, oom, o.ended, err)
		}
	}
}

// TestOrder sets limits that the kernel takes in one order only, which depends on what is set.
func TestOrder(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	p := func(n int64) *int64 { return &n }
	u := func(n uint64) *uint64 { return &n }
	for i, r := range []specs.LinuxResources{
		{CPU: &specs.LinuxCPU{Quota: p(10_000), Period: u(100_000), Burst: u(8000)}},
		{CPU: &specs.LinuxCPU{Quota: p(5000), Burst: u(4000)}},
		{CPU: &specs.LinuxCPU{Quota: p(50_000), Burst: u(40_000)}},
		{CPU: &specs.LinuxCPU{Idle: p(1), Shares: u(512)}},
		{CPU: &specs.LinuxCPU{Idle: p(0), Shares: u(256)}},
		{Memory: &specs.LinuxMemory{Limit: p(64 << 20), Swap: p(80 << 20)}},
		{Memory: &specs.LinuxMemory{Limit: p(-1)}},
		{Memory: &specs.LinuxMemory{Limit: p(32 << 20), Swap: p(32 << 20)}},
		{Memory: &specs.LinuxMemory{Limit: p(-1), Swap: p(-1)}},
	} {
		if g.dirOf("memory") == "" || g.dirOf("cpu") == "" {
			t.Skip("needs the controllers cpu and memory")
		}
		err := g.Set(&r)
		if _, serr := os.Stat(path.Join(g.dirOf("cpu"), "cpu.idle")); serr != nil && i == 3 || errors.Is(err, fs.ErrNotExist) {
			t.Logf("%d: the kernel has no such limit: %v", i, err)
			continue
		}
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestSetFails sets limits of which the last is invalid: those before it are as they were.
func TestSetFails(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	p := func(n int64) *int64 { return &n }
	if err := g.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(64 << 20)}, Pids: &specs.LinuxPids{Limit: p(10)}}); err != nil {
		t.Fatal(err)
	}
	err := g.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: p(128 << 20)}, Pids: &specs.LinuxPids{Limit: p(20)},
		Unified: map[string]string{"no.such": "1"}})
	if e, ok := errors.AsType[*FieldError](err); !ok || e.Field != "unified.no.such" {
		t.Errorf("%v", err)
	}
	if s, err := g.Stats(); err != nil || s.Memory.Usage.Limit != 64<<20 || s.Pids.Limit != 10 {
		t.Errorf("%+v, %v", s, err)
	}
	err = g.Set(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: p(20)}, CPU: &specs.LinuxCPU{Cpus: "0-99999"}})
	if e, ok := errors.AsType[*FieldError](err); !ok || e.Field != "cpu.cpus" {
		t.Errorf("%v", err)
	}
	if s, err := g.Stats(); err != nil || s.Pids.Limit != 10 {
		t.Errorf("%+v, %v", s, err)
	}
}
