package determinize

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/vfs"
)

// TaintUnchecked is the kind of the taint of a box whose conflicts could not all be looked for.
const TaintUnchecked = "unchecked"

// accessed is the object of the access that is being compared: a name, or a file.
type accessed struct {
	in   *folder
	base string
	node *vfs.Inode
}

// conflictKey is what one line of the report is about.
type conflictKey struct {
	object        *conflict.Object
	class         conflict.Class
	first, second *conflict.Task
	ordered       bool
}

// conflictsFound is what the detector has found.
type conflictsFound struct {
	at    map[conflictKey]int
	list  []conflict.Conflict
	count [2]int // not ordered, ordered
}

// found notes two accesses that are in conflict.
func (e *engine) found(o *conflict.Object, class conflict.Class, first, second conflict.Access) {
	if errors.Is(e.fatal, ErrConflict) {
		return // it is the end of the box that everything races with
	}
	if at := e.accessed; at.node != nil {
		e.accesses(at.node).Raced = true
	} else if at.in != nil && at.in.names[at.base] != nil {
		at.in.names[at.base].raced = true
	}
	e.races(first.By.Exec, second.By.Exec)
	e.racesWithSkipped(first, second)
	if compareSides(&second, &first) < 0 {
		first, second = second, first
	}
	k := conflictKey{o, class, first.By, second.By, first.Ordered && second.Ordered}
	f := &e.conflicts
	if i, ok := f.at[k]; ok {
		f.list[i].Count++
		return
	}
	which := 0
	if k.ordered {
		which = 1
	}
	if f.count[which]++; f.count[which] > conflict.MaxReported/2 {
		return
	}
	if f.at == nil {
		f.at = make(map[conflictKey]int)
	}
	if e.cfg.Conflicting && !k.ordered && e.fatal == nil {
		e.fatal = fmt.Errorf("%w: %s of %s", ErrConflict, class, e.objectPath())
	}
	f.at[k] = len(f.list)
	f.list = append(f.list, conflict.Conflict{Class: class, Path: e.objectPath(), First: side(&first), Second: side(&second), Ordered: k.ordered, Count: 1})
}

// race notes that what a task did, and another one, may come the other way round in another
// run: what is no access to a file. what says what it is about, where that is no conflict but
// a taint, because one of the two has run no program yet.
func (e *engine) race(class conflict.Class, what string, t, u *task) {
	if t == nil || t.exec == nil || u.exec == nil {
		e.overtaken(string(class), what, u)
		return
	}
	first, second := e.access(t, conflict.Read, false), e.access(u, conflict.Change, false)
	first.Ordered, second.Ordered = false, false
	e.accessed = accessed{}
	e.found(nil, class, first, second)
}

// compareSides orders accesses as the canonical run does.
func compareSides(x, y *conflict.Access) int {
	return cmp.Or(cmp.Compare(x.B, y.B), slices.Compare(x.By.Path, y.By.Path))
}

// objectPath is the path of the object that is being accessed.
func (e *engine) objectPath() string {
	if e.accessed.in == nil && e.accessed.node == nil {
		return ""
	}
	if e.accessed.in != nil {
		return e.accessed.in.below(e.accessed.base)
	}
	return e.pathOfNode(e.accessed.node)
}

// side is one access, for people.
func side(a *conflict.Access) conflict.Side {
	s := conflict.Side{Exec: a.By.Exec, PID: a.By.PID, Argv: a.By.Argv, Cwd: a.By.Cwd, B: a.B, Does: a.Op.String()}
	s.Task = taskPath(a.By.Path)
	if row, ok := policy.Lookup(uint64(a.Call)); ok {
		s.Call = row.Name
	}
	return s
}

// sortedConflicts are the conflicts in the order of the report.
func (e *engine) sortedConflicts() []conflict.Conflict {
	positions := make(map[int]int)
	for _, x := range e.records.all {
		positions[int(x.id)] = x.position
	}
	for i := range e.conflicts.list {
		c := &e.conflicts.list[i]
		for _, s := range [...]*conflict.Side{&c.First, &c.Second} {
			if i, ok := positions[s.Exec]; ok {
				s.Exec = i
			} else {
				s.Exec = -1 // the box ended before it began
			}
		}
	}
	slices.SortFunc(e.conflicts.list, func(a, b conflict.Conflict) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Class), string(b.Class)),
			cmp.Compare(a.First.B, b.First.B), strings.Compare(a.First.Task, b.First.Task),
			cmp.Compare(a.Second.B, b.Second.B), strings.Compare(a.Second.Task, b.Second.Task))
	})
	return e.conflicts.list
}
