package determinize

import (
	"strings"

	"laplace.dev/laplace/determinize/policy"
)

// Until conflicts are checked, a box in which two processes may have accessed files at
// the same time is tainted: their accesses are not ordered. Whether they may have is
// judged by what is certain to come first, a fork before the child and the child before
// the wait for it, and never by when they ran.

// TaintUnchecked is the kind of that taint.
const TaintUnchecked = "unchecked"

// overlap is what is known of a task's accesses to files.
type overlap struct {
	files   bool // it has made some, or a child that it has waited for
	watched bool // its parent has, since it forked the task
	beside  bool // it has lived beside a sibling
	crowd   bool // a child of it that lived beside another one has
	orphan  bool // its parent has not waited for it
}

// fileCalls are the calls that may access files, but for those that are ordered.
var fileCalls = func() (is [policy.Size]bool) {
	for nr := range is {
		row := &policy.Table[nr]
		if row.Class == policy.Order {
			continue
		}
		for _, object := range []string{"content", "metadata", "entry", "listing", "symlink"} {
			is[nr] = is[nr] || strings.Contains(row.Access, " "+object)
		}
	}
	return is
}()

// touches notes that a task makes the call that it is in, which may access a file.
func (e *engine) touches(t *task) {
	if nr := t.call.Nr; e.cfg.Canonical || nr >= policy.Size || !fileCalls[nr] || t.exec == nil {
		return
	}
	t.overlap.files = true
	for _, k := range t.kids {
		k.overlap.watched = true
	}
	if t.overlap.orphan {
		e.unchecked()
	}
}

// besides notes that a task has forked a child while it has others.
func (t *task) besides(child *task) {
	for _, k := range t.kids {
		k.overlap.beside, child.overlap.beside = true, true
	}
}

// joins notes that a task has waited for a child.
func (e *engine) joins(t, k *task) {
	if !k.overlap.files {
		return
	}
	t.overlap.files = true
	if k.overlap.watched || k.overlap.beside && t.overlap.crowd {
		e.unchecked()
	}
	t.overlap.crowd = t.overlap.crowd || k.overlap.beside
}

// leaves notes that a task ends without having waited for its children.
func (e *engine) leaves(t *task) {
	for _, k := range t.kids {
		if k.overlap.orphan = true; k.overlap.files {
			e.unchecked()
		}
	}
}

// unchecked taints.
func (e *engine) unchecked() {
	if !e.cfg.Canonical {
		e.taint(TaintUnchecked, "processes accessed files at the same time, and conflicts are not checked yet", nil)
	}
}
