package determinize

import (
	"time"

	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/sched"
)

// What an exec cost in an earlier run, of CPU time, says when its parent is told of its
// end: not before it has been at work for as long, in ticks of B. So those who wait for
// one of several children know that none of the others can be told of before, however few
// calls these make. The end as such, and all else that is done, keeps its stamp.

// weighing is the start of an exec whose cost will be known at the end of its process.
type weighing struct {
	key  costs.Key
	from time.Duration // what the process had used by then, with its children
}

// weighs begins to weigh an exec, and looks up what it weighed before.
func (e *engine) weighs(t *task, identity prng.Seed) {
	key := costs.Key(identity[:])
	if e.cfg.Weigh {
		t.weighed = append(t.weighed, weighing{key, t.used(e)})
	}
	if cost := e.cfg.Costs[key]; cost > 0 && t != e.root && !t.locker { // that one's end is not held
		t.floor = max(t.floor, t.clk.B+cost)
		t.end.Floor = t.floor
		e.floors++
	}
}

// noFloor has a task's parent be told of its end when it ends: it cannot be held.
func (e *engine) noFloor(t *task) {
	if t.floor == 0 {
		return
	}
	e.tellsEarly(t)
	t.floor, t.end.Floor = 0, 0
	e.changes++
}

// tellsEarly taints where a task's parent is told of it before the floor, of a stop or of
// an end that cannot be held, and has gone on because nothing was to come.
func (e *engine) tellsEarly(t *task) {
	if t.parent != nil && t.stamp().Before(t.end.Relied) {
		e.taint("signal", "a child of it was stopped, or killed, or ended where file locks were, sooner than it ends by --costs", t.parent)
	}
}

// weighsIn notes what the execs of a process that ends have cost, and counts that among
// its parent's.
func (e *engine) weighsIn(t *task) {
	if !e.cfg.Weigh || t.weighedIn || e.ending {
		return
	}
	t.weighedIn = true
	all := t.used(e)
	for _, w := range t.weighed {
		l := e.weights[w.key]
		l.used = max(l.used, all-w.from) // less than nothing: the kernel has forgotten it already
		l.unheld = l.unheld || !t.exitHeld && t != e.root
		if l.last.Before(t.stamp()) {
			l.last = t.stamp()
		}
		e.weights[w.key] = l
	}
	if t.forker != nil {
		t.forker.kidsUsed += all
	}
}

// weight is what equal execs have cost.
type weight struct {
	used   time.Duration // at most
	unheld bool          // the end of one could not be held
	last   sched.Stamp   // the end of the last one
}

// costs is what the execs have cost. One whose end is not held, or is not when locks come
// in time, has no floor; to count on one would only taint.
func (e *engine) costs() costs.Table {
	t := make(costs.Table, len(e.weights))
	for key, l := range e.weights {
		if t[key] = 1; !l.unheld && (!e.locked || l.last.Before(e.lockedAt)) {
			t[key] = max(uint64(l.used/time.Microsecond), 1)
		}
	}
	return t
}

// unfloors takes their floors, when a file lock may be taken for the first time, from those
// that have not ended before that: from then on ends are not held. Some may be held all the
// same, or over, if they went on when the lock was not known of.
func (e *engine) unfloors(t *task) {
	e.locked, e.lockedAt = true, t.stamp()
	for _, u := range e.live {
		switch {
		case !u.exitHeld:
			u.end.Floor = 0 // its own goes at its end
		case u.state == stateExiting && e.lockedAt.Before(u.stamp()):
			e.noFloor(u)
			u.sync()
		}
	}
	if e.lockedAt.Before(e.floored) {
		e.taint("signal", "file locks came before the end of a process that ends later by --costs", t)
	}
}

// used is the CPU time of a process and of those that it has forked and that have ended.
func (t *task) used(e *engine) time.Duration { return e.cfg.CPUTime(t.first) + t.kidsUsed }
