package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// The end of a task has a stamp, that of its last call or a later one (shown). The kernel would show it at once:
// to the task's parent, by a SIGCHLD that may find it anywhere, and to those who look for
// the task by its pid. So the task is held before its end: until its parent waits for it,
// or, if that may notice SIGCHLD, comes to a place where signals reach it; else until
// nobody can come before its end any more.

// exitEnter handles exit and exit_group.
func exitEnter(e *engine, t *task) verdict {
	switch {
	case t.threaded() && t.call.Nr == unix.SYS_EXIT:
		return e.threadEnds(t)
	case t.threaded():
		e.takesOver(t)
	case t != t.leader:
		e.lastEnds(t)
	}
	if t == e.root || len(t.kids) > 0 && e.subreaperOf(t) != nil {
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v
		}
	}
	e.traceNever(t)
	if t == e.root {
		e.endsRoot()
	} else {
		e.exits(t)
	}
	return verdict{do: doHold}
}

// endsRoot brings the box's first process to its end, when nobody can come before that.
func (e *engine) endsRoot() {
	e.flush(e.root.stamp())
	e.finishes(e.root)
	e.letEnd(e.root)
}

// exits brings a task to its end: now, or when that may show. All that others do before
// the first one's is still to be done.
func (e *engine) exits(t *task) {
	if t == e.root {
		e.park(t, stateExiting)
		return
	}
	t.exitHeld = e.holdsExit(t)
	e.finishes(t)
	if t.exitHeld {
		e.park(t, stateExiting)
		return
	}
	e.letEnd(t)
}

// finishes notes that a task will do nothing any more that others see.
func (e *engine) finishes(t *task) {
	e.weighsIn(t)
	if !t.exitHeld {
		e.noFloor(t)
	}
	e.uncount(t)
	if t == e.root {
		e.endsBox(t.stamp())
	}
	e.keeps(t)
	e.unmaps(t)
	e.leavesExec(t)
	e.wholeLeaves(t)
	for _, k := range t.kids {
		if k.sawParent > t.clk.B {
			e.overtaken("life", "its parent ended before it asked for it, and it was told otherwise", k)
		}
	}
	e.dropPipes(t)
	e.letsGo(t, func(int) bool { return true })
	for _, k := range t.pidfds {
		e.notify(k, pollIn)
	}
	e.changes++
}

// holdsExit tells whether a task's end must not show yet. The locks of one that is held
// would be, too, so that it has waited for its turn; and a parent in vfork waits for it.
func (e *engine) holdsExit(t *task) bool {
	return t.vforkOf == nil && !t.locker
}

// endsInTurn tells whether a held task comes to its end when nobody can come before that:
// its parent does not catch SIGCHLD.
func (t *task) endsInTurn() bool {
	return t.parent == nil || !t.parent.chldCaught || t.parent.noWait
}

// letGo lets a held child of a task come to its end, which the task waits for.
func (e *engine) letGo(t, k *task) {
	e.letEnd(k)
	e.await(t, k)
}

// letEnd lets a held task come to its end.
func (e *engine) letEnd(k *task) {
	if k.clk.B < k.floor && e.floored.Before(k.stamp()) {
		e.floored = k.stamp()
	}
	k.exit = nil
	if k.visit != nil && k.parent == nil {
		e.sendOutput() // whoever waits for its end finds it
	}
	if k.fault && e.diesUntraced(k) {
		return
	}
	e.tr.Cont(k.pid, k.sig)
	e.park(k, stateDying)
}

// await has a task that is parked next go on only when another one is dead.
func (e *engine) await(t, dying *task) {
	if dying.awaitedBy == nil {
		dying.awaitedBy = t
		t.reaping++
	}
}

// letGoBefore lets go those children of a task that ended before a stamp at which
// signals reach it. It tells whether there is somebody whose death is to be awaited.
func (e *engine) letGoBefore(t *task, at sched.Stamp) bool {
	return t.chldCaught && e.buriesBefore(t, at)
}

// buriesBefore lets go those children of a task that ended before a stamp, and tells
// whether there is somebody whose death is to be awaited.
func (e *engine) buriesBefore(t *task, at sched.Stamp) bool {
	for _, k := range t.kids {
		if k.state == stateExiting && k.shown().Before(at) {
			e.letGo(t, k)
		}
	}
	return t.reaping > 0
}

// syncExits tells the order anew of the held children of a task, which from now on catches
// SIGCHLD, or does not.
func (t *task) syncExits() {
	for _, k := range t.kids {
		if k.state == stateExiting {
			k.sync()
		}
	}
}

// wouldBreak tells whether a signal would end what a task waits for.
func (e *engine) wouldBreak(t *task, sig unix.Signal) bool {
	s, ok := e.signalState(t)
	if !ok {
		return true
	}
	mask := s.blocked
	if t.masked {
		mask = t.mask
	}
	bit := uint64(1) << (sig - 1)
	return mask&bit == 0 && s.caught&bit != 0
}
