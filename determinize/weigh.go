package determinize

import (
	"time"

	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/determinize/prng"
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
	if cost := e.cfg.Costs[key]; cost > 0 && t != e.root {
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
		e.taint("signal", "a child of it was stopped or killed sooner than it ends by --costs", t.parent)
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
		cost := uint64((all - w.from) / time.Microsecond)
		e.report.Costs[w.key] = max(e.report.Costs[w.key], cost, 1)
	}
	if t.forker != nil {
		t.forker.kidsUsed += all
	}
}

// used is the CPU time of a process and of those that it has forked and that have ended.
func (t *task) used(e *engine) time.Duration { return e.cfg.CPUTime(t.first) + t.kidsUsed }
