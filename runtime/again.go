package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/project"
)

// A box whose processes were in conflict is run again, with the objects that they were in
// conflict about ordered. Nothing of the run before is left then: each attempt has a
// supervisor and directories of its own.

// OnConflict says what happens to a run whose processes accessed something in an order that
// was left to chance.
type OnConflict string

// What can be done about conflicts.
const (
	// ConflictOrder throws the run away and runs the box again with these accesses in the
	// order of the canonical run; where that is impossible, it is ConflictTaint.
	ConflictOrder OnConflict = "order"
	ConflictFail  OnConflict = "fail"  // ends with ExitConflict and commits nothing
	ConflictTaint OnConflict = "taint" // takes the run as it is, tainted
)

// maxAttempts is how many attempts order the objects in conflict one by one. The one after
// them orders everything.
const maxAttempts = 5

// maxOrdered is how many objects are ordered one by one.
const maxOrdered = 1000

// attempt is one of the runs of a box; the last one counts.
type attempt struct {
	N       int      // counts from 1
	Ordered []string // paths in the box at which accesses are ordered, sorted
	Serial  bool     // all calls are
	// Chance says that they are for what happens in some runs only: Ordered will do in others.
	Chance bool
	// Found are the conflicts of the attempts before.
	Found []conflict.Conflict
	// Released is what they have passed on of their output, by outlet.
	Released [2]released
	Took     time.Duration // real time of those before
	// NoSkips says that nothing is skipped: what an earlier attempt has tried to could not be.
	NoSkips bool
}

// again says that a run does not count, and what comes after it.
type again struct {
	Next  attempt
	Why   string // what processes raced for
	Shown bool   // somebody has seen some of its output
}

// next is the attempt that follows one in which these conflicts were left to chance, or which
// is tainted because somebody was overtaken; ok is false if no other one can do better.
func (a *attempt) next(found []conflict.Conflict, overtaken bool) (n attempt, ok bool) {
	if a.Serial {
		return attempt{}, false
	}
	n = attempt{N: a.N + 1, NoSkips: a.NoSkips, Ordered: slices.Clone(a.Ordered), Found: mergeConflicts(a.Found, found)}
	more := false
	for i := range found {
		path := found[i].Path
		if !strings.HasPrefix(path, "/") {
			n.Serial = true // it is no file: who got a process id, where a signal arrived
			continue
		}
		if at, has := slices.BinarySearch(n.Ordered, path); !has {
			n.Ordered, more = slices.Insert(n.Ordered, at, path), true
		}
	}
	if len(found) > 0 && !more || n.N > maxAttempts || len(n.Ordered) > maxOrdered {
		n.Serial = true
	}
	if n.Serial {
		n.Ordered = nil
	} else if overtaken {
		n.Serial, n.Chance = true, true
	}
	return n, true
}

// unresolved are the conflicts whose outcome was left to chance.
func unresolved(all []conflict.Conflict) (list []conflict.Conflict) {
	for _, c := range all {
		if !c.Ordered {
			list = append(list, c)
		}
	}
	return list
}

// Unresolved are the conflicts that taint.
func (r *Report) Unresolved() []conflict.Conflict { return unresolved(r.Conflicts) }

// orders tells whether a box is to be run again if there are conflicts.
func (b *Box) orders() bool {
	return b.OnConflict == ConflictOrder || b.OnConflict == ""
}

// final says why a box cannot run again; "" if it can.
func (b *Box) final() string {
	s, err := oci.ParseSettings(b.Spec.Annotations)
	switch {
	case b.Canonical || b.Trace != nil:
		return "it is the canonical run"
	case b.StdinKind == StdinLive:
		return "input that came live does not come again"
	case b.Terminal:
		return "it has a terminal"
	case err != nil || s.Network == oci.NetworkHost:
		return "it was in the host's network"
	case b.StdinKind == StdinFile && writable(int(b.Stdin.Fd())):
		return "its standard input can be written to"
	}
	return ""
}

// writable tells whether a descriptor is open for writing.
func writable(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY
}

// runAgain decides whether a box that has ended is run again: nil if this run counts. Then
// s.finality says why nothing can be done about its conflicts.
func (s *supervisor) runAgain(r *determinize.Report, err error, st *streams) *again {
	if errors.Is(err, determinize.ErrReplay) {
		s.log.Debug("the box runs again, without its cache", "err", err)
		s.cached.PutAway(r.Unfit)
		next := s.attempt
		next.N, next.NoSkips = next.N+1, true
		next.Released, next.Took = st.released(), s.attempt.Took+time.Since(s.start)
		return &again{Next: next, Shown: st.shown}
	}
	found := unresolved(r.Conflicts)
	if len(found) == 0 && !r.Overtaken || !s.box.orders() || err != nil && !errors.Is(err, determinize.ErrDeadlock) {
		return nil
	}
	if s.finality = s.box.final(); s.finality == "" && s.heard != nil && s.heard.lost {
		s.finality = "its standard input could not be kept"
	}
	if s.finality != "" {
		return nil
	}
	next, ok := s.attempt.next(found, r.Overtaken)
	if !ok {
		s.finality = "one call at a time does not order it"
		return nil
	}
	next.Released = st.released()
	next.Took = s.attempt.Took + time.Since(s.start)
	why := what(found)
	if len(found) == 0 {
		why = "what comes first"
	}
	return &again{Next: next, Why: why, Shown: st.shown}
}

// Run runs a box: it starts a supervisor, passes requests on to it and waits
// for its end; and again, as long as the box is to be run again. When the context ends,
// the box is ended.
//
// The error is an *Error where a user can do something about it. The outcome
// is nil when there is an error.
func Run(ctx context.Context, box *Box, log *slog.Logger) (*Outcome, error) {
	if err := checkLimits(box); err != nil {
		return nil, err
	}
	locks, err := lockProjects(ctx, box, log)
	if err != nil {
		return nil, err
	}
	defer locks.Close()
	r := &runner{ctx: ctx, box: box, locks: locks, log: log}
	defer r.input.close()
	if box.Timeout > 0 {
		t := time.NewTimer(box.Timeout)
		defer t.Stop()
		r.timeout = t.C
	}
	orders := box.orders() && box.final() == ""
	next := &again{Next: attempt{N: 1}}
	if orders {
		next.Next = recall(box)
	}
	for known := next.Next; ; {
		a := next.Next
		var out *Outcome
		if out, next, err = r.attempt(&a); next == nil || err != nil {
			if err == nil && orders && out.Report.Verdict != "" {
				learn(box, &known, &a, &out.Report, log)
			}
			return out, err
		}
		if err := r.input.rewind(); err != nil {
			return nil, err
		}
		if next.Shown && box.Notice != nil {
			box.Notice("processes raced for " + next.Why + ": the command runs again, and its output starts over")
		}
		log.Debug("the box runs again", "attempt", next.Next.N, "ordered", next.Next.Ordered, "serial", next.Next.Serial)
	}
}

// learn remembers what the attempt that counts has ordered, unless that is known. What nothing
// was in conflict about any more is forgotten.
func learn(box *Box, known, last *attempt, r *Report, log *slog.Logger) {
	lasting := &attempt{Ordered: last.Ordered, Serial: last.Serial && !last.Chance}
	switch {
	case lasting.ordersMore(known):
		remember(box, lasting, log)
	case len(r.Conflicts) == 0 && lasting.ordersMore(&attempt{}):
		forget(box)
	}
}

// ordersMore tells whether an attempt orders more than an earlier one.
func (a *attempt) ordersMore(than *attempt) bool {
	return a.Serial != than.Serial || !slices.Equal(a.Ordered, than.Ordered)
}

// what names the objects of conflicts: the first one, and how many there are besides.
func what(found []conflict.Conflict) string {
	var names []string
	for i := range found {
		if name := object(&found[i]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}

// runner runs a box until a run of it counts.
type runner struct {
	ctx     context.Context
	box     *Box
	locks   *project.Locks
	log     *slog.Logger
	timeout <-chan time.Time // of all attempts
	input   input
}

// attempt runs the box once. If the run does not count, next is what comes after it.
func (r *runner) attempt(a *attempt) (out *Outcome, next *again, err error) {
	dir, err := newBoxDir(r.box.State)
	if err != nil {
		return nil, nil, err
	}
	defer dir.remove()
	if a.N == 1 {
		if err := r.input.open(r.ctx, r.box, dir.path); err != nil {
			return nil, nil, err
		}
	}
	c, err := startSupervisor(r.box, superviseRequest{Box: r.box, Dir: dir.path, Attempt: *a}, r.locks, r.input.heard, r.log)
	if err != nil {
		return nil, nil, err
	}
	reply, err := c.wait(r.ctx, r.box, r.timeout)
	return reply.Outcome, reply.Again, err
}
