package determinize

import (
	"slices"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/sched"
)

// The box ends with its first process. Others may have made calls by then whose stamps
// are greater: the canonical run does not come to them, and they do not count.

// Nor do the calls of one that was killed whose stamps are greater than its killer's.

// maxRecent is how many calls a task remembers before it looks which can be forgotten.
const maxRecent = 4096

// calls are the calls of a task that has ended, by their B.
type calls struct {
	path    sched.Path
	bs      []uint64
	changed uint64 // the last that changed a file
	of      *task
}

// counts counts a call of a task.
func (e *engine) counts(t *task) {
	if e.ended {
		return
	}
	e.report.Ticks++
	if w := t.whole(); w != nil && t.replay == nil {
		w.ticks++
	}
	if t.recent = append(t.recent, t.clk.B); len(t.recent) >= maxRecent {
		t.recent = recentFrom(t.recent, e.leastNext())
	}
}

// recentFrom drops the calls that come before a B.
func recentFrom(bs []uint64, b uint64) []uint64 {
	i, _ := slices.BinarySearch(bs, b)
	return slices.Delete(bs, 0, i)
}

// leastNext is the least B at which anybody can do something.
func (e *engine) leastNext() uint64 {
	b := uint64(sched.Never)
	for _, u := range e.live {
		if u.ord.Phase == sched.Active {
			b = min(b, u.ord.Next)
		}
	}
	return b
}

// keeps keeps the calls of a task that ends, as long as the box may end before them.
func (e *engine) keeps(t *task) {
	if len(t.recent) == 0 {
		return
	}
	e.late = append(e.late, calls{t.path, t.recent, t.altered, t})
	t.recent = nil
	if len(e.late)&(len(e.late)-1) != 0 {
		return // now and then
	}
	b := e.leastNext()
	e.late = slices.DeleteFunc(e.late, func(c calls) bool { return c.bs[len(c.bs)-1] < b })
}

// endsBox notes that the first process ends: no call after that counts.
func (e *engine) endsBox(end sched.Stamp) {
	if e.ended {
		return
	}
	e.ended, e.endedAt = true, end
	e.report.LastStamp = e.root.clk.Stamp()
	e.cutsOff(end)
	for _, u := range e.live {
		e.late = append(e.late, calls{u.path, u.recent, u.altered, u})
	}
	for _, c := range e.late {
		if end.Before(sched.Stamp{B: c.changed, Path: c.path}) {
			e.race(conflict.ClassSignal, "the end of the box", e.root, c.of)
		}
		for _, b := range c.bs {
			if end.Before(sched.Stamp{B: b, Path: c.path}) {
				e.report.Ticks--
				if w := c.of.whole(); w != nil && w.ticks > 0 {
					w.ticks--
				}
			}
		}
	}
	e.late = nil
}
