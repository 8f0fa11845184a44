package determinize

import (
	"fmt"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
)

// A skipped exec leaves at once what its program takes a while for, and none of the processes that
// that starts. Where accesses are not ordered, whoever notices is found as one who races. Where
// they are, or who looks waits for his turn, the order that the program would have had is not
// that of its replay: then the box is run again with nothing skipped, and the memo is put away.

// tooSoon notes that somebody may have noticed that an exec was skipped.
func (e *engine) tooSoon(w *whole, what string) {
	e.report.Unfit = append(e.report.Unfit, Mismatch{Key: w.key, Name: w.skipped, Argv: w.x.argv, What: what})
	switch {
	case e.cfg.Service:
		e.taint("cache", what+": it was skipped, and nobody can run it again; the result is put away", w.owner.leader)
	case e.fatal == nil:
		e.fatal = fmt.Errorf("%w: %s", ErrReplay, what)
	}
}

// racesWithSkipped looks whether an access that has had its turn is in conflict with one of an exec
// that was skipped.
func (e *engine) racesWithSkipped(first, second conflict.Access) {
	if !e.caches() || !first.Ordered || !second.Ordered {
		return
	}
	for _, a := range [...]conflict.Access{first, second} {
		if w := e.wholes[uint64(a.By.Exec)]; w != nil && w.skipped != (memo.Digest{}) {
			e.tooSoon(w, "another program is in conflict with it")
		}
	}
}

// noticed notes that a task looks at a process, or, if that is nil, which there are: who is being
// looked at is not to be kept, and not to be one who was skipped. That there is a process shows
// nothing of what it does; but those that it has started do.
func (e *engine) noticed(t, at *task) {
	if !e.caches() {
		return
	}
	const why = "another program looks at its processes while it runs"
	var exec uint64
	if w := t.whole(); w != nil {
		exec = w.id
	}
	for _, u := range e.live {
		if u.process == t.process || at != nil && u.process != at.process {
			continue
		}
		for w := u.whole(); w != nil && !e.isWithin(exec, w); w = w.up {
			if at != nil || w.processes > 0 {
				w.cannot(why)
			}
		}
		// Who has started his program later is found to have gone on, or is not there yet.
		if r := u.replay; r != nil && (at != nil || r.m.Processes > 0) && r.w.start.b <= t.clk.B {
			e.tooSoon(r.w, why)
		}
	}
}
