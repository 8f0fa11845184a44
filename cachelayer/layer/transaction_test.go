package layer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// state is a snapshot with the times.
type state struct {
	Tree  map[string]object
	Times map[string]int64
}

func stateOf(t testing.TB, d dir) state {
	t.Helper()
	s := state{snapshot(t, d.path, false), map[string]int64{}}
	for p := range s.Tree {
		st := d.stat(p)
		s.Times[p] = st.Mtim.Nano()
	}
	return s
}

// everything makes a layer and a project such that their plan has all kinds of
// operations on all kinds of things.
func everything(d dir) (upper, project dir) {
	upper, project = d.sub("upper"), d.sub("project")
	project.write("edit", "1")
	project.xattr("edit", "user.x", "1")
	project.write("gone", "1")
	project.write("gone-tree/a/b", "1")
	project.chmod("gone-tree/a", 0o500)
	project.write("opaque/old/f", "1")
	project.write("opaque/kept", "1")
	project.write("to-file/a", "1")
	project.write("to-dir", "1")
	project.symlink("1", "to-link")
	project.write("mode", "same")
	project.xattr("mode", "user.x", "1")
	project.write("closed/edit", "1")
	project.chmod("closed", 0o500)
	project.write("l1", "linked")
	project.link("l1", "l2")
	project.write("half1", "linked")
	project.link("half1", "half2")
	project.write("un\nusual \xff", "1")

	upper.write("edit", "2")
	upper.xattr("edit", "user.y", "2")
	upper.whiteout("gone")
	upper.whiteout("gone-tree")
	upper.mkdir("opaque")
	upper.xattr("opaque", "user.overlay.opaque", "y")
	upper.write("opaque/kept", "2")
	upper.write("opaque/new", "2")
	upper.write("to-file", "2")
	upper.write("to-dir/in", "2")
	upper.chmod("to-dir", 0o555)
	upper.write("to-link", "2")
	upper.write("mode", "same")
	upper.chmod("mode", 0o600)
	upper.write("closed/edit", "2")
	upper.chmod("closed", 0o500)
	upper.write("l1", "changed")
	upper.link("l1", "l2")
	upper.write("half1", "changed")
	upper.write("new/deep/er/f", "2")
	upper.link("new/deep/er/f", "new/link")
	upper.link("new/deep/er/f", "link")
	upper.symlink("nowhere", "new/sym")
	must(d.t, unix.Mkfifo(upper.p("fifo"), 0o600))
	upper.chmod("new/deep", 0o500)
	upper.write("un\nusual \xff", "2")
	for i, name := range []string{"edit", "half2", "opaque", "closed", "mode", ".", "gone-tree/a", "to-file"} {
		project.utime(name, int64(1e9+i))
	}
	return upper, project
}

// ways are the abilities that a file system may lack.
var ways = map[string]func(*Transaction){
	"all":         func(*Transaction) {},
	"no exchange": func(t *Transaction) { t.noExchange, t.noReplace = true, true },
}

var errFault = errors.New("fault")

// faulty is a transaction that fails at its nth step; n < 0 never does.
func faulty(t testing.TB, p *Plan, project dir, staged []uint64, n int) (tx *Transaction, steps *int) {
	t.Helper()
	tx, err := NewTransaction(p, project.open(), "test", staged)
	must(t, err)
	t.Cleanup(tx.Close)
	steps = new(int)
	tx.Step = func(what, path string) error {
		*steps++
		if *steps == n+1 {
			return errFault
		}
		return nil
	}
	return tx, steps
}

func everyPlan(t testing.TB) (p *Plan, upper, project dir, before state) {
	upper, project = everything(newDir(t))
	before = stateOf(t, project)
	p, err := NewPlan(upper.open(), project.open(), fakeVirtual{"edit": virtualBase + 5}, Options{Now: commitTime, Root: true})
	must(t, err)
	return p, upper, project, before
}

func afterAll(t testing.TB) state {
	p, upper, project, _ := everyPlan(t)
	tx, _ := faulty(t, p, project, nil, -1)
	must(t, tx.Apply(upper.open(), nil))
	return stateOf(t, project)
}

// TestFaults fails at every step of a transaction, one after the other: all is as
// it was, or, when it can only go on, as it shall be after it has gone on.
func TestFaults(t *testing.T) {
	want := afterAll(t)
	for name, set := range ways {
		t.Run(name, func(t *testing.T) {
			undone, finished := 0, 0
			for n := 0; ; n++ {
				p, upper, project, before := everyPlan(t)
				tx, _ := faulty(t, p, project, nil, n)
				set(tx)
				err := tx.Apply(upper.open(), nil)
				if err == nil {
					equal(t, "in the end", stateOf(t, project), want)
					break
				}
				if !errors.Is(err, errFault) {
					t.Fatalf("step %d: %v", n, err)
				}
				if tx.Staged() == nil {
					undone++
					equal(t, fmt.Sprintf("undone after step %d", n), stateOf(t, project), before)
					continue
				}
				finished++
				again, _ := faulty(t, p, project, tx.Staged(), -1)
				must(t, again.Finish())
				equal(t, fmt.Sprintf("finished after step %d", n), stateOf(t, project), want)
			}
			if undone < 50 || finished < 20 {
				t.Errorf("%d undone, %d finished", undone, finished)
			}
		})
	}
}

// TestInterrupted stops at every step of a transaction, as if it was killed, and
// of what then repairs it, and repairs it again.
func TestInterrupted(t *testing.T) {
	want := afterAll(t)
	for name, set := range ways {
		t.Run(name, func(t *testing.T) {
			kinds := map[string]int{}
			for n := 0; ; n++ {
				p, upper, project, before := everyPlan(t)
				tx, _ := faulty(t, p, project, nil, n)
				set(tx)
				if err := tx.Stage(upper.open()); err != nil {
					undo, _ := faulty(t, p, project, nil, n/2)
					undo.Undo()
					undo, _ = faulty(t, p, project, nil, -1)
					must(t, undo.Undo())
					equal(t, fmt.Sprintf("undone after step %d", n), stateOf(t, project), before)
					kinds["staging"]++
					continue
				}
				if err := tx.Place(); err != nil {
					staged := tx.Staged()
					if n%2 == 0 {
						undo, _ := faulty(t, p, project, staged, n/5)
						set(undo)
						undo.Undo()
						kinds["undone half-way"]++
					}
					again, _ := faulty(t, p, project, staged, n%7)
					set(again)
					if again.Place() == nil && n%3 == 0 {
						undo, _ := faulty(t, p, project, staged, -1)
						set(undo)
						must(t, undo.Undo())
						equal(t, fmt.Sprintf("undone after step %d", n), stateOf(t, project), before)
						kinds["undone"]++
						continue
					}
					again, _ = faulty(t, p, project, staged, -1)
					set(again)
					if err := again.Place(); err != nil {
						// Something prepared is gone already.
						undo, _ := faulty(t, p, project, staged, -1)
						set(undo)
						must(t, undo.Undo())
						equal(t, fmt.Sprintf("undone after step %d", n), stateOf(t, project), before)
						kinds["undone in the end"]++
						continue
					}
					must(t, again.Finish())
					equal(t, fmt.Sprintf("placed after step %d", n), stateOf(t, project), want)
					kinds["placed"]++
					continue
				}
				if err := tx.Finish(); err != nil {
					again, _ := faulty(t, p, project, tx.Staged(), n%5)
					again.Finish()
					again, _ = faulty(t, p, project, tx.Staged(), -1)
					must(t, again.Finish())
					equal(t, fmt.Sprintf("finished after step %d", n), stateOf(t, project), want)
					kinds["finished"]++
					continue
				}
				break
			}
			if len(kinds) < 5 {
				t.Errorf("only %v", kinds)
			}
		})
	}
}

// TestConflicts: what somebody changes between the phases is never overwritten,
// and the rest is as before.
func TestConflicts(t *testing.T) {
	changes := map[string]struct {
		path   string
		change func(project dir)
	}{
		"edited":        {"edit", func(p dir) { p.write("edit", "mine, longer") }},
		"same size":     {"edit", func(p dir) { p.write("edit", "3") }},
		"replaced":      {"edit", func(p dir) { p.write("mine", "1"); must(p.t, os.Rename(p.p("mine"), p.p("edit"))) }},
		"removed":       {"edit", func(p dir) { must(p.t, os.Remove(p.p("edit"))) }},
		"created":       {"new", func(p dir) { p.write("new", "mine") }},
		"created dir":   {"new", func(p dir) { p.write("new/f", "mine") }},
		"gone edited":   {"gone", func(p dir) { p.write("gone", "mine, longer") }},
		"tree replaced": {"gone-tree", func(p dir) { must(p.t, os.Rename(p.p("gone-tree"), p.p("mine"))); p.mkdir("gone-tree") }},
		"file to dir": {"edit", func(p dir) {
			must(p.t, os.Remove(p.p("edit")))
			p.write("edit/mine", "1")
		}},
		"dir to file": {"opaque", func(p dir) {
			must(p.t, os.Rename(p.p("opaque"), p.p("mine")))
			p.write("opaque", "mine")
		}},
		"mode edited": {"mode", func(p dir) { p.write("mode", "mine") }},
		"link edited": {"l2", func(p dir) { p.write("l2", "mine, longer") }},
	}
	for name, c := range changes {
		for _, phase := range []string{"before staging", "before placing"} {
			for way, set := range ways {
				t.Run(name+" "+phase+" "+way, func(t *testing.T) {
					p, upper, project, _ := everyPlan(t)
					tx, _ := faulty(t, p, project, nil, -1)
					set(tx)
					if phase == "before staging" {
						c.change(project)
						before := stateOf(t, project)
						err := tx.Apply(upper.open(), nil)
						if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), c.path) {
							t.Errorf("got %v", err)
						}
						equal(t, "project", stateOf(t, project), before)
						return
					}
					must(t, tx.Stage(upper.open()))
					c.change(project)
					want := snapshot(t, project.path, false)
					if err := tx.Place(); !errors.Is(err, ErrConflict) {
						t.Errorf("got %v", err)
					}
					if err := tx.Undo(); err != nil {
						t.Errorf("undo: %v", err)
					}
					got := snapshot(t, project.path, false)
					for i, s := range []map[string]object{want, got} {
						for path := range s {
							// What is prepared in a directory that is moved away stays in it.
							if strings.Contains(path, TempPrefix) && (name == "dir to file" || i == 0) {
								delete(s, path)
							}
						}
						o := s["closed"] // was open in between
						o.Mode |= 0o700
						s["closed"] = o
					}
					equal(t, "project", got, want)
				})
			}
		}
	}
}

// TestRace changes a file in the moment before it is replaced.
func TestRace(t *testing.T) {
	for _, what := range []string{"exchange", "rename"} {
		for _, path := range []string{"edit", "gone"} {
			p, upper, project, _ := everyPlan(t)
			tx, _ := faulty(t, p, project, nil, -1)
			if what == "rename" {
				tx.noExchange = true
			}
			tx.Step = func(step, at string) error {
				if (step == "exchange" || step == "rename" || step == "link" && tx.staged != nil) &&
					(at == path || strings.HasPrefix(filepath.Base(at), TempPrefix) && path == "gone") {
					project.write(path, "mine, longer")
					path = ""
				}
				return nil
			}
			name := path
			if err := tx.Apply(upper.open(), nil); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
			text, err := os.ReadFile(project.p(name))
			if err != nil || string(text) != "mine, longer" {
				t.Errorf("%s of %s: %q %v", what, name, text, err)
			}
		}
	}
}
