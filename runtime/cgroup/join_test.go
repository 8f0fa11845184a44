package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestJoinNested joins a group whose first process has gone into one below, and given it a controller.
func TestJoinNested(t *testing.T) {
	g := real(t, Options{Path: name(t), ID: "x"})
	if g.V2 == "" || len(g.Controllers) == 0 {
		t.Skip("needs a v2 hierarchy with a controller")
	}
	init := start(t, g, "sleep", "1000")
	below := filepath.Join(g.V2, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(writeFile(filepath.Join(below, "cgroup.procs"), strconv.Itoa(init.Process.Pid)),
		writeFile(filepath.Join(g.V2, "cgroup.subtree_control"), "+"+g.Controllers[0]))
	if err != nil {
		t.Fatal(err)
	}
	next := start(t, &Group{}, "sleep", "1000")
	if err := g.Join(next.Process.Pid, 0); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a group with groups below it that have controllers: %v", err)
	}
	if err := g.Join(next.Process.Pid, init.Process.Pid); err != nil {
		t.Error(err)
	}
	want := []int{init.Process.Pid, next.Process.Pid}
	slices.Sort(want)
	if pids, err := processes(below); err != nil || !slices.Equal(slices.Sorted(slices.Values(pids)), want) {
		t.Errorf("%v, not %v, %v", pids, want, err)
	}
	// One that has gone is no help.
	if err := g.Join(next.Process.Pid, os.Getpid()); !errors.Is(err, unix.EBUSY) {
		t.Errorf("beside a process that is not in the container: %v", err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	init.Wait()
	next.Wait()
}

func TestBelow(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"memory", "cpu", "v2"} {
		for _, below := range []string{"", "in", "in/deeper"} {
			at := filepath.Join(root, dir, below)
			if err := errors.Join(os.MkdirAll(at, 0o755), os.WriteFile(filepath.Join(at, "cgroup.procs"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := func(name string) string { return filepath.Join(root, name) }
	g := &Group{V1: map[string]string{"memory": dir("memory"), "cpu": dir("cpu"), "cpuacct": dir("cpu")}, V2: dir("v2")}
	for _, test := range []struct {
		names []string
		want  []string // nil is an error
		err   error
	}{
		{nil, []string{dir("cpu"), dir("memory"), dir("v2")}, nil},
		{[]string{"/"}, []string{dir("cpu"), dir("memory"), dir("v2")}, nil},
		{[]string{"in"}, []string{dir("cpu/in"), dir("memory/in"), dir("v2/in")}, nil},
		{[]string{"/in/deeper"}, []string{dir("cpu/in/deeper"), dir("memory/in/deeper"), dir("v2/in/deeper")}, nil},
		{[]string{"memory:in"}, []string{dir("cpu"), dir("memory/in"), dir("v2")}, nil},
		{[]string{"cpu,cpuacct:in", "memory:in/deeper"}, []string{dir("cpu/in"), dir("memory/in/deeper"), dir("v2")}, nil},
		{[]string{"out"}, nil, fs.ErrNotExist},
		{[]string{"../memory"}, nil, unix.EINVAL},
		{[]string{"in", "memory:in"}, nil, unix.EINVAL},
		{[]string{"memory:in", "in"}, nil, unix.EINVAL},
		{[]string{"pids:in"}, nil, ErrNoController},
		{[]string{"memory:in", "memory:in"}, nil, ErrNoController},
	} {
		b, err := g.Below(test.names)
		if err != nil || test.want == nil {
			if !errors.Is(err, test.err) || test.err == nil {
				t.Errorf("%q: %+v, %v", test.names, b, err)
			}
			continue
		}
		if got := b.dirs(); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q", test.names, got)
		}
	}
}
