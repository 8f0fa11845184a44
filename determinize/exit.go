package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// The end of a task has a stamp, that of its last call. The kernel tells its parent at
// once, by a SIGCHLD that may find it anywhere; so where the parent would notice, the
// task is held before its end until the parent comes to a place where signals reach it.

// exitEnter handles exit and exit_group.
func exitEnter(e *engine, t *task) verdict {
	if t == e.root || t.locker {
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v
		}
		if t == e.root {
			e.flush(t.stamp())
			e.endsBox(t.stamp())
		}
	}
	e.traceNever(t)
	e.exits(t)
	return verdict{do: doHold}
}

// exits brings a task to its end: now, or when its parent may be told.
func (e *engine) exits(t *task) {
	e.finishes(t)
	if e.holdsExit(t) {
		e.park(t, stateExiting)
		return
	}
	t.exit = nil
	e.tr.Cont(t.pid, t.sig)
	e.park(t, stateDying)
}

// finishes notes that a task will do nothing any more that others see.
func (e *engine) finishes(t *task) {
	e.uncount(t)
	if t == e.root {
		e.endsBox(t.stamp())
	}
	e.keeps(t)
	e.leaves(t)
	for _, k := range t.kids {
		if k.sawParent > t.clk.B {
			e.taint("life", "its parent ended before it asked for it, and it was told otherwise", k)
		}
	}
	e.dropPipes(t)
	e.changes++
}

// holdsExit tells whether a task's parent must not be told of its end yet. The locks of
// one that is held would be, too.
func (e *engine) holdsExit(t *task) bool {
	p := t.parent
	return p != nil && p.chldCaught && !p.noWait && t.vforkOf == nil && !t.cloned && !t.locker
}

// letGo lets a held task come to its end, of which its parent waits.
func (e *engine) letGo(k *task) {
	k.exit = nil
	e.tr.Cont(k.pid, k.sig)
	e.park(k, stateDying)
	e.await(k.parent, k)
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
	if !t.chldCaught {
		return false
	}
	for _, k := range t.kids {
		if k.state == stateExiting && k.stamp().Before(at) {
			e.letGo(k)
		}
	}
	return t.reaping > 0
}

// releaseKids lets go all held children of a task that will not notice.
func (e *engine) releaseKids(t *task) {
	for _, k := range t.kids {
		if k.state == stateExiting {
			e.letGo(k)
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
