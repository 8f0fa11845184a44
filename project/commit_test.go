package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// A child of the test binary does one thing to a place and kills itself at a step.
const (
	childVar = "PROJECT_TEST_CHILD" // what, where, the step, separated by newlines
)

func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	what := strings.Split(os.Getenv(childVar), "\n")
	if err := child(what[0], what[1], what[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// act does something that may be interrupted.
func (p *place) act(what string, main *State, o Options) error {
	switch what {
	case "commit":
		snapshots := p.snapshots()
		_, err := main.Commit(p.change(snapshots), p.box(), o)
		return err
	case "keep":
		snapshots := p.snapshots()
		_, err := main.Keep(p.change(snapshots), p.box(), o)
		return err
	case "apply":
		_, err := main.Apply(o)
		return err
	}
	_, err := (&Locks{o.Members}).Repair(o)
	return err
}

func child(what, dir, step string) error {
	n, err := strconv.Atoi(step)
	if err != nil {
		return err
	}
	t := new(testing.T) // not part of any run: its failures end the process
	p := newPlace(t, dir, "one", "two")
	_, main, o := p.lock()
	o.Step = func(string, string) error {
		if n == 0 {
			return unix.Kill(unix.Getpid(), unix.SIGKILL)
		}
		n--
		return nil
	}
	return p.act(what, main, o)
}

// killed starts such a child and reports whether it killed itself.
func killed(t *testing.T, what, dir string, step int) bool {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n%d", childVar, what, dir, step))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, out)
	}
	return false
}

// expected is what the projects look like before and after.
func expected(t *testing.T) (before, after []map[string]string) {
	p := newPlace(t, t.TempDir(), "one", "two")
	p.build()
	before = p.trees()
	locks, main, o := p.lock()
	must(t, p.act("commit", main, o))
	locks.Close()
	equal(t, "left", p.left(), []string(nil))
	after = p.trees()
	if differ(before, after) == "" {
		t.Fatal("nothing is committed")
	}
	return before, after
}

// TestKilled kills a process at every step of a commit, of the commit of what was
// kept, of keeping, and, at some of its steps, the one that repairs what it left.
// The project is as before or as after; what is not in it is kept.
func TestKilled(t *testing.T) {
	_, after := expected(t)
	for _, what := range []string{"commit", "apply", "keep"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			counts := map[string]int{}
			for n := 0; ; n++ {
				dir := t.TempDir()
				p := newPlace(t, dir, "one", "two")
				p.build()
				before := p.trees()
				if what == "apply" {
					locks, main, o := p.lock()
					must(t, p.act("keep", main, o))
					locks.Close()
				}
				if !killed(t, what, dir, n) {
					break
				}
				if n%3 > 0 && killed(t, "repair", dir, n%17) {
					counts["repairs killed"]++
				}
				locks, main, o := p.lock()
				done, err := locks.Repair(o)
				if err != nil {
					t.Fatalf("step %d: %v", n, err)
				}
				now := p.trees()
				switch {
				case differ(now, before) == "":
					counts["before"]++
					if _, err := os.Stat(main.at(keptName)); err != nil {
						if what == "apply" {
							t.Errorf("step %d: nothing is kept", n)
						}
						counts["lost"]++
						break
					}
					if _, err := main.Apply(o); err != nil {
						t.Errorf("step %d: apply: %v", n, err)
					} else if d := differ(p.trees(), after); d != "" && what != "keep" {
						t.Errorf("step %d: after apply:\n%s", n, d)
					}
				case what != "keep" && differ(now, after) == "":
					counts["after"]++
				default:
					t.Errorf("step %d: in between (%+v):\n%s\n%s", n, done, differ(now, before), differ(now, after))
				}
				locks.Close()
				equal(t, fmt.Sprintf("step %d: left", n), p.left(), []string(nil))
				must(t, RemoveAll(dir))
			}
			t.Log(counts)
			if what == "keep" {
				return
			}
			for _, kind := range []string{"before", "after", "repairs killed"} {
				if counts[kind] < 20 {
					t.Errorf("%s: %v", kind, counts)
				}
			}
			if counts["lost"] > 5 {
				t.Errorf("lost: %v", counts)
			}
		})
	}
}

// TestFull fails with ENOSPC at every step: nothing is in the project then, and the
// changes are kept; or else the next repair has space again.
func TestFull(t *testing.T) {
	_, after := expected(t)
	counts := map[string]int{}
	for n := 0; ; n++ {
		p := newPlace(t, t.TempDir(), "one", "two")
		p.build()
		before := p.trees()
		locks, main, o := p.lock()
		left := n
		o.Step = func(string, string) error {
			left--
			if left == -1 {
				return unix.ENOSPC
			}
			return nil
		}
		err := p.act("commit", main, o)
		if err == nil {
			locks.Close()
			break
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("step %d: %v", n, err)
		}
		o.Step = nil
		if errors.Is(err, ErrPending) {
			counts["pending"]++
			if _, err := locks.Repair(o); err != nil {
				t.Fatalf("step %d: repair: %v", n, err)
			}
			if d := differ(p.trees(), after); d != "" {
				t.Errorf("step %d: after repair:\n%s", n, d)
			}
		} else {
			counts["undone"]++
			if d := differ(p.trees(), before); d != "" {
				t.Errorf("step %d: %s", n, d)
			}
			if _, err := locks.Repair(o); err != nil {
				t.Fatalf("step %d: repair: %v", n, err)
			}
		}
		locks.Close()
		must(t, RemoveAll(p.dir))
	}
	if counts["pending"] < 20 || counts["undone"] < 100 {
		t.Error(counts)
	}
}

// TestConflict: what somebody has changed since the run began is not overwritten,
// unless it is forced; the changes are kept.
func TestConflict(t *testing.T) {
	changes := map[string]func(t *testing.T, project string){
		"edit":   func(t *testing.T, dir string) { write(t, filepath.Join(dir, "edit"), "mine") },
		"fresh":  func(t *testing.T, dir string) { write(t, filepath.Join(dir, "fresh"), "mine") },
		"tree":   func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tree/a/mine"), "mine") },
		"tree/a": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tree/a/b"), "mine") },
		"opaque": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "opaque/mine"), "mine") },
		"gone":   func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "gone"), 0o600)) },
		"to-dir": func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "to-dir")))
			write(t, filepath.Join(dir, "to-dir/mine"), "mine")
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, t.TempDir(), "one", "two")
			p.build()
			snapshots := p.snapshots()
			change(t, p.projects[1])
			before := p.trees()
			locks, main, o := p.lock()
			defer locks.Close()
			kept, err := main.Commit(p.change(snapshots), p.box(), o)
			if !errors.Is(err, layer.ErrConflict) || !strings.Contains(err.Error(), strconv.Quote(name)[:len(name)]) {
				t.Fatalf("got %v", err)
			}
			equal(t, "project", p.trees(), before)
			equal(t, "kept", kept, main.at(keptName))
			if _, err := main.Apply(o); !errors.Is(err, layer.ErrConflict) {
				t.Errorf("apply: %v", err)
			}
			equal(t, "project", p.trees(), before)
			o.Force = true
			if done, err := main.Apply(o); err != nil || !done {
				t.Fatalf("forced: %v", err)
			}
			now := p.trees()
			for _, path := range []string{"edit", "fresh/deep/f", "opaque/new", "to-dir/in"} {
				if !strings.Contains(now[1][path], "after") {
					t.Errorf("%s: %s", path, now[1][path])
				}
			}
			equal(t, "left", p.left(), []string(nil))
		})
	}
}

// TestUndone: what was undone can be committed later, without force.
func TestUndone(t *testing.T) {
	p := newPlace(t, t.TempDir(), "one", "two")
	p.build()
	snapshots, before := p.snapshots(), p.trees()
	locks, main, o := p.lock()
	defer locks.Close()
	o.Step = func(what, path string) error {
		if path == doneName {
			return unix.EPERM
		}
		return nil
	}
	if _, err := main.Commit(p.change(snapshots), p.box(), o); !errors.Is(err, unix.EPERM) {
		t.Fatalf("got %v", err)
	}
	equal(t, "project", p.trees(), before)
	o.Step = nil
	if done, err := main.Apply(o); err != nil || !done {
		t.Fatalf("apply: %v", err)
	}
	equal(t, "left", p.left(), []string(nil))
}

// TestNothing: what changes nothing leaves no trace.
func TestNothing(t *testing.T) {
	p := newPlace(t, t.TempDir(), "one")
	write(t, filepath.Join(p.projects[0], "f"), "same")
	write(t, filepath.Join(UpperDir(p.box(), 0), "f"), "same")
	at := unix.NsecToTimespec(since - 1e9)
	c := p.change(p.snapshots())
	for path := range c.Layers[0].Meta {
		c.Layers[0].Meta[path] = Meta{Mtime: since - 1}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(p.projects[0], path), []unix.Timespec{at, at}, 0))
	}
	locks, main, o := p.lock()
	defer locks.Close()
	for _, act := range []func(*Change, string, Options) (string, error){main.Keep, main.Commit} {
		if kept, err := act(c, p.box(), o); kept != "" || err != nil {
			t.Errorf("%q %v", kept, err)
		}
	}
	if _, err := main.Apply(o); !errors.Is(err, ErrNothing) {
		t.Errorf("apply: %v", err)
	}
	equal(t, "left", p.left(), []string(nil))
}

// TestDamaged: what is read back is checked.
func TestDamaged(t *testing.T) {
	damages := map[string]struct {
		do   func(t *testing.T, p *place, kept string)
		want error
	}{
		"content": {func(t *testing.T, p *place, kept string) {
			write(t, filepath.Join(UpperDir(kept, 0), "edit"), "afteR 0")
		}, ErrDamaged},
		"a file more": {func(t *testing.T, p *place, kept string) {
			write(t, filepath.Join(UpperDir(kept, 0), "more"), "")
		}, ErrDamaged},
		"record": {func(t *testing.T, p *place, kept string) {
			path := filepath.Join(kept, recordName)
			b, err := os.ReadFile(path)
			must(t, err)
			b[len(b)-10] ^= 1
			must(t, os.WriteFile(path, b, 0o600))
		}, errRecord},
		"other version": {func(t *testing.T, p *place, kept string) {
			must(t, os.WriteFile(filepath.Join(kept, recordName), []byte("laplace change 999\n"), 0o600))
		}, errRecord},
		"open to others": {func(t *testing.T, p *place, kept string) {
			must(t, os.Chmod(kept, 0o755))
		}, ErrForeign},
		"moved project": {func(t *testing.T, p *place, kept string) {
			must(t, os.Rename(p.projects[0], p.projects[0]+"-moved"))
			must(t, os.Mkdir(p.projects[0], 0o755))
		}, ErrMoved},
	}
	for name, c := range damages {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, t.TempDir(), "one", "two")
			p.build()
			locks, main, o := p.lock()
			defer locks.Close()
			must(t, p.act("keep", main, o))
			c.do(t, p, main.at(keptName))
			before := p.trees()
			if _, err := main.Apply(o); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			equal(t, "project", p.trees(), before)
		})
	}
}

// TestCanceled: an interrupt while a commit is prepared undoes it.
func TestCanceled(t *testing.T) {
	cause := errors.New("interrupted")
	for n := 0; ; n += 7 {
		p := newPlace(t, t.TempDir(), "one", "two")
		p.build()
		before := p.trees()
		locks, main, o := p.lock()
		ctx, cancel := context.WithCancelCause(context.Background())
		o.Context = ctx
		left, placing := n, false
		o.Step = func(what, path string) error {
			if left--; left == -1 {
				cancel(cause)
			}
			placing = placing || what == "write" && path == placedName
			return nil
		}
		err := p.act("commit", main, o)
		locks.Close()
		if err == nil {
			if n == 0 {
				t.Error("nothing is interrupted")
			}
			break
		}
		if !errors.Is(err, cause) || placing {
			t.Errorf("step %d: %v", n, err)
		}
		equal(t, fmt.Sprintf("step %d: project", n), p.trees(), before)
		equal(t, "left", p.left(), []string{keptName})
	}
}

// TestPartOf: a directory that is part of an interrupted commit of another project
// is not used before that is repaired.
func TestPartOf(t *testing.T) {
	dir := t.TempDir()
	p := newPlace(t, dir, "one", "two")
	p.build()
	if !killed(t, "commit", dir, 50) {
		t.Fatal("not killed")
	}
	second := &place{t: t, dir: dir, base: p.base, projects: p.projects[1:]}
	locks, _, o := second.lock()
	_, err := locks.Repair(o)
	if part, ok := errors.AsType[*PartOf](err); !ok || part.Project != p.projects[0] {
		t.Errorf("got %v", err)
	}
	locks.Close()
	for _, project := range p.projects {
		equal(t, "related", Related(p.base, project, false), p.projects)
	}
	first := &place{t: t, dir: dir, base: p.base, projects: p.projects[:1]}
	locks, _, o = first.lock()
	if _, err := locks.Repair(o); !errors.Is(err, ErrPending) {
		t.Errorf("repaired without the lock of the other: %v", err)
	}
	locks.Close()
	locks, _, o = p.lock()
	if _, err := locks.Repair(o); err != nil {
		t.Error(err)
	}
	locks.Close()
	if slices.Contains(p.left(), partName) {
		t.Error(p.left())
	}
}
