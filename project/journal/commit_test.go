package journal

import (
	"slices"
	"testing"
)

// TestCommitLate has a run's changes come to the project after it has been edited, and
// other runs have begun: edits are later than what was made before them.
func TestCommitLate(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(h *host, j *Journal) *Journal
	}{
		{"at once", func(_ *host, j *Journal) *Journal { return j }},
		{"after an edit that a run has seen", func(h *host, j *Journal) *Journal {
			h.write("a.c", "new")
			h.advance(t, j)
			return j
		}},
		{"after one that began again", func(h *host, j *Journal) *Journal {
			h.write("a.c", "new")
			j = j.Afresh()
			h.advance(t, j)
			return j
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost("a.c", "b.c", "config")
			for _, name := range []string{"a.c", "b.c", "config"} {
				h.write(name, name)
			}
			j := &Journal{}
			h.advance(t, j)
			run := Run{j.Era, j.Next, j.Next}
			j = test.between(h, j)
			h.write("a.o", "made of a.c")
			wrote := []Wrote{{"a.o", h.files["a.o"].stamp(), digest("made of a.c"), run.Since}}
			j.Commit(wrote, run)
			h.make(t, j, rules)
			h.right(t, rules)
			j.Commit(wrote, run) // told again
			h.make(t, j, rules)
			if h.files["b.o"] == nil {
				t.Error("not built")
			}
		})
	}
}

// TestSetTimes has a program set times that are after the box's own, as tar does.
func TestSetTimes(t *testing.T) {
	h := newHost()
	h.write("a.c", "0")
	j := &Journal{}
	h.advance(t, j)
	run := Run{j.Era, j.Next, j.Next + 5}
	var wrote []Wrote
	for i, name := range []string{"x", "y", "z"} {
		h.write(name, name)
		wrote = append(wrote, Wrote{name, h.files[name].stamp(), digest(name), []int64{1e18, run.End, 2e18}[i]})
	}
	j.Commit(wrote, run)
	h.write("a.c", "1")
	h.advance(t, j)
	x, y, z, a := j.Paths["x"].Mtime, j.Paths["y"].Mtime, j.Paths["z"].Mtime, j.Paths["a.c"].Mtime
	if !(y < x && x < z && z < a) || a > First+10*Step {
		t.Errorf("y %d, x %d, z %d, then a.c %d", y, x, z, a)
	}
}

// TestDoubt has an input changed while a box looked at it, and back afterwards.
func TestDoubt(t *testing.T) {
	h, j := project(t, "a.c", "b.c", "config")
	h.write("a.c", "new")
	h.make(t, j, rules)
	j.Doubt([]string{"a.c", "not there"})
	if got := h.make(t, j, rules); len(got) != 1 || got[0] != "a.o" {
		t.Errorf("built %q", got)
	}
	if got := h.make(t, j, rules); len(got) > 0 {
		t.Errorf("built %q again", got)
	}
}

// TestTrackedOutput has git track what boxes make.
func TestTrackedOutput(t *testing.T) {
	h, j := project(t, "a.c", "b.c", "config", "a.o", "b.o", "config.h", "prog")
	h.write("a.c", "new")
	h.make(t, j, rules)
	h.write("a.c", "a.c")
	h.make(t, j, rules)
	h.right(t, rules)
}

// TestAfresh begins a journal again: no path gets a time that it had with another content.
func TestAfresh(t *testing.T) {
	h, j := project(t, "a.c", "b.c", "config")
	had := map[int64]string{j.Paths["a.c"].Mtime: "a.c"}
	for _, content := range []string{"1", "2", "3"} {
		h.write("a.c", content)
		j = j.Afresh()
		all := h.seen()
		j.Advance(slices.DeleteFunc(slices.Clone(all), func(s Seen) bool { return !s.Tracked }), true, h.now)
		j.Conceal(slices.DeleteFunc(all, func(s Seen) bool { return s.Tracked }))
		if got := j.Paths["a.c"].Mtime; got != Start {
			t.Errorf("time %d in a clean clone", got)
		}
		h.make(t, j, rules)
		if old, ok := had[j.Paths["a.c"].Mtime]; ok && old != content {
			t.Errorf("%q has the time of %q", content, old)
		}
		if j.Next > First+100*Step {
			t.Errorf("%d times were needed", (j.Next-First)/Step)
		}
		had[j.Paths["a.c"].Mtime] = content
		if got := h.make(t, j, rules); len(got) > 0 {
			t.Errorf("built %q again", got)
		}
	}
}
