// Package sched is the order in which the tasks of a box do what others can see.
//
// Every task has a logical clock, B, that counts its intercepted calls, and an
// address in the fork tree, its Path. The stamp of a call is (B, Path); no two calls
// have the same. The canonical run of a box makes its calls one at a time, always
// the one with the least stamp. A box whose tasks run at the same time comes to the
// same results, because a call whose result depends on others is made only when no
// task that could still affect it can make a call with a lesser stamp.
//
// Who that is, Clear finds out: of the tasks that can affect a call, those that run
// will do something next at their own B or later; one that waits does so only after
// one that wakes it has, and so on. That is Kendo's deterministic logical time
// (Olszewski, Ansel, Amarasinghe: "Kendo", ASPLOS 2009) with the condition of
// conservative discrete event simulation (Chandy, Misra: "Distributed simulation",
// 1979), for processes instead of threads.
//
// The package knows nothing of system calls, and imports nothing of the engine. It is
// not safe for concurrent use.
package sched

// Path is a task's address in the fork tree: the index of each fork on the way from
// the box's first process. It breaks ties of B.
type Path []uint32

// Compare orders paths: ancestors first, then older siblings.
func (p Path) Compare(q Path) int {
	for i := range min(len(p), len(q)) {
		switch {
		case p[i] < q[i]:
			return -1
		case p[i] > q[i]:
			return 1
		}
	}
	return len(p) - len(q)
}

// Child is the path of a task's n-th child.
func (p Path) Child(n uint32) Path { return append(append(Path{}, p...), n) }

// Stamp is when something happens, in the order of the canonical run.
type Stamp struct {
	B    uint64
	Path Path
}

// Before tells whether s comes before u.
func (s Stamp) Before(u Stamp) bool {
	if s.B != u.B {
		return s.B < u.B
	}
	return s.Path.Compare(u.Path) < 0
}

// At is the same moment at another B, if that is later.
func (s Stamp) At(b uint64) Stamp { return Stamp{max(s.B, b), s.Path} }

// Phase is what a task may do by itself.
type Phase uint8

const (
	// Active: its next call is at Next or later.
	Active Phase = iota
	// Waiting: it goes on at Next, if that is not Never, or after one of its wakers
	// has done something.
	Waiting
	// Gone: it never does anything again.
	Gone
)

// Never is a B that no clock reaches.
const Never = ^uint64(0)

// Task is what the order needs to know of a task. Its owner keeps it up to date.
type Task struct {
	Path  Path
	Phase Phase
	// Next is the least B at which it may do something by itself.
	Next uint64
	// Wakers visits the tasks that can wake it while it waits; nil: nobody can.
	Wakers Scope
	// Floor is a B before which nothing comes of the task or of those who can wake it; 0
	// where none is known. See End.
	Floor uint64
	// Parent is who forked it, for ever, and Born the number of the last act before that,
	// which is one too: who waits for somebody afterwards does so after a later act.
	Parent *Task
	Born   uint64
	// Waiter is who went on only after what it did up to the act with the number Waited.
	Waiter *Task
	Waited uint64
	// Relied is the last call that was made because the task would do nothing before it.
	// Who wakes it earlier without being one of its wakers, or ends it, breaks that.
	Relied Stamp
	// Of is what the task is to its owner.
	Of any

	seen uint64 // number of the last search that came here
}

// Stamp is the least stamp of what the task may do by itself.
func (t *Task) Stamp() Stamp { return Stamp{t.Next, t.Path} }

// Follows tells whether what a task does now certainly happens after an act, whatever
// their stamps, so that it can count on it: its own, one of a task that it waited for, or
// that one for another, or what an ancestor did before the task's line was born.
func (t *Task) Follows(a Actor) bool {
	for by, seq := a.Task, a.Seq; by != nil; {
		if by == t {
			return true
		}
		for c := t; c.Parent != nil; c = c.Parent {
			if c.Parent == by {
				return seq <= c.Born
			}
		}
		if seq > by.Waited {
			return false
		}
		by, seq = by.Waiter, by.Waited
	}
	return false
}

// End is what others are told of a task's end: at a floor or later, whatever the task does
// before. Its Relied is the last call that was made because of that.
func End(t *Task, floor uint64) Task {
	return Task{Path: t.Path, Phase: Waiting, Next: Never, Floor: floor, Wakers: func(visit func(*Task)) { visit(t) }, Of: t.Of}
}

// Scope visits a set of tasks. It may visit one several times.
type Scope func(visit func(*Task))

// Order decides whose turn it is. The zero Order is ready for use.
type Order struct {
	search uint64
	relied []*Task // that the search found
}

// Clear tells whether a call of t at a stamp can be made: none of the tasks in the
// scope, and none of those that have to do something before one of them can, is able
// to make a call with a lesser stamp. t itself is not asked. If the call must wait, by
// is a task that it waits for.
func (o *Order) Clear(t *Task, at Stamp, scope Scope) (by *Task, ok bool) {
	o.search++
	o.relied = o.relied[:0]
	t.seen = o.search
	var visit func(*Task)
	visit = func(u *Task) {
		if by != nil || u.seen == o.search {
			return
		}
		u.seen = o.search
		if u.Floor != 0 && !(Stamp{u.Floor, u.Path}).Before(at) {
			o.relied = append(o.relied, u)
			return
		}
		switch u.Phase {
		case Gone:
		case Active:
			if u.Stamp().Before(at) {
				by = u
				return
			}
			o.relied = append(o.relied, u)
		case Waiting:
			if u.Next != Never && u.Stamp().Before(at) {
				by = u
				return
			}
			o.relied = append(o.relied, u)
			if u.Wakers != nil {
				u.Wakers(visit)
			}
		}
	}
	scope(visit)
	if by != nil {
		return by, false
	}
	for _, u := range o.relied {
		if u.Relied.Before(at) {
			u.Relied = at
		}
	}
	return nil, true
}
