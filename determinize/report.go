package determinize

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/costs"
)

// Report is what happened in a box.
type Report struct {
	Status     unix.WaitStatus // how the first process ended
	Taints     []Taint
	Refused    map[string]uint64 // by name of the call, with the argument where that was refused
	Unmasked   []string          // programs whose random numbers the host cannot trap
	Execs      uint64
	Skipped    uint64 // of them
	SavedTicks uint64 // of those
	Processes  uint64
	Ticks      uint64
	LastStamp  int64       // of the first process, when it ended, in nanoseconds since the epoch
	Costs      costs.Table // what the execs have cost, if that was asked for
	// Overtaken says that there are Taints because tasks had gone on when something came that is
	// before what they did: a signal, somebody who looks at them. One call at a time there are none.
	Overtaken bool
	// Conflicts are pairs of accesses whose order was left to chance, or would have been
	// without the engine, sorted.
	Conflicts []conflict.Conflict
	// Records are what each exec observed and did, if that was asked for.
	Records []conflict.Record
	// Memos are what a cache may keep of a deterministic run, and Cached what it had to do with the
	// execs.
	Memos  []NewMemo
	Cached []conflict.Cached
	// Mismatches are memos that were wrong, if they were to be verified.
	Mismatches []Mismatch
	// Unfit are memos of execs that should not have been skipped: others noticed.
	Unfit []Mismatch
}

// Taint is a reason why a box is not deterministic.
type Taint struct {
	Kind, Detail, Exec string
}

// taint notes a reason, once.
func (e *engine) taint(kind, detail string, t *task) {
	n := Taint{Kind: kind, Detail: detail}
	if t != nil && t.exec != nil {
		n.Exec = t.exec.path
	}
	if !slices.Contains(e.report.Taints, n) {
		e.report.Taints = append(e.report.Taints, n)
	}
}

// overtaken notes a reason that there is only because tasks run at the same time.
func (e *engine) overtaken(kind, detail string, t *task) {
	e.report.Overtaken = true
	e.taint(kind, detail, t)
}

// refuse counts a call that was not let through.
func (e *engine) refuse(name string) {
	e.refusal = true
	e.report.Refused[name]++
	if t := e.deciding; t != nil && t.whole() != nil {
		t.whole().refuses(name, 1)
	}
}

// exhausted taints the run when a call failed for want of something that the
// host has a limit of.
func (e *engine) exhausted(t *task, ret int64) {
	e.tooBig(t, ret)
	switch errno := unix.Errno(-ret); errno {
	case unix.ENOSPC, unix.ENOMEM, unix.EDQUOT, unix.EIO, unix.ENFILE:
		if ret < 0 {
			e.taint("exhausted", callName(t)+": "+errno.Error(), t)
		}
	}
}

// finish completes the report.
func (e *engine) finish() Report {
	if e.cfg.Users && !e.cfg.Unwatched {
		e.changedMeanwhile()
	}
	slices.Sort(e.report.Unmasked)
	e.report.Unmasked = slices.Compact(e.report.Unmasked)
	slices.SortFunc(e.report.Taints, func(a, b Taint) int {
		return strings.Compare(a.Kind+"\x00"+a.Detail+"\x00"+a.Exec, b.Kind+"\x00"+b.Detail+"\x00"+b.Exec)
	})
	e.report.Records = e.recorded()
	e.report.Memos, e.report.Cached = e.newMemos(), e.cached()
	e.report.Mismatches = e.mismatches
	e.report.Conflicts = e.sortedConflicts()
	for _, c := range e.report.Conflicts {
		e.log.Debug("conflict", "class", c.Class, "path", c.Path, "ordered", c.Ordered, "count", c.Count, "first", c.First.Task+" "+c.First.Call+" "+c.First.Does, "second", c.Second.Task+" "+c.Second.Call+" "+c.Second.Does)
	}
	e.report.Status = e.root.status
	e.report.Costs = e.costs()
	e.log.Debug("processes side by side", "resumes", e.crowd.resumes, "crowded", e.crowd.crowded, "beside", e.crowd.beside, "held", e.crowd.held, "serial", e.serial)
	return e.report
}
