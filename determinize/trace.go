package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/strace"
)

// Trace says what is told of a run, and to whom.
type Trace struct {
	// Calls are the names of the calls that are told of; nothing else is. When
	// it is nil everything is: all intercepted calls, the start and end of
	// programs, and the signals that are delivered.
	Calls map[string]bool
	// Event is called on the engine's thread, in the order of the engine's
	// decisions, which is the same from run to run. The box waits for it.
	Event func(strace.Event)
}

// A trace changes nothing of what the guest sees and nothing of the order: it
// reads memory, and stops at the exits of calls that the engine would let run
// to their end otherwise.

// memory is a task's memory, as the trace reads it.
type memory struct {
	e   *engine
	pid int
}

// Read implements strace.Memory.
func (m memory) Read(addr uint64, b []byte) (int, unix.Errno) { return m.e.tr.Read(m.pid, addr, b) }

// traceEnter copies the arguments of a call that has been made.
func (e *engine) traceEnter(t *task) {
	t.traced = nil
	if e.cfg.Trace == nil || t.exec == nil && t.call.Nr != unix.SYS_EXECVE {
		return // not asked for, or still Laplace's own code
	}
	c := strace.Enter(t.tid, memory{e, t.pid}, t.call.Arch == unix.AUDIT_ARCH_X86_64, t.call.Nr, t.call.Args)
	if calls := e.cfg.Trace.Calls; calls == nil || calls[c.Name()] {
		t.traced = c
	}
}

// traceRun tells whether a call that is about to run must stop at its exit for
// the sake of the trace.
func (e *engine) traceRun(t *task) bool {
	if t.traced == nil {
		return false
	}
	if t.call.Nr == unix.SYS_EXIT || t.call.Nr == unix.SYS_EXIT_GROUP {
		e.traceNever(t)
		return false
	}
	return true
}

// traceAnswer tells of the call that is being decided: the engine has answered
// it.
func (e *engine) traceAnswer(t *task, ret int64) { e.traceReturn(t, ret, e.refusal) }

// traceExit notes that a task has come to the exit of a call.
func (e *engine) traceExit(t *task) { t.left = true }

// traceLeave tells of a call when a task goes on from its exit: the kernel and
// the engine are through with it.
func (e *engine) traceLeave(t *task) {
	if !t.left {
		return
	}
	t.left = false
	if t.traced == nil {
		return
	}
	if ret, errno := e.tr.Result(t.pid); errno == 0 {
		// Ends that have not been told of are what the call did: it comes first.
		e.cfg.Trace.Event(t.traced.Return(ret))
		t.traced = nil
	}
}

func (e *engine) traceReturn(t *task, ret int64, refused bool) {
	if t.traced != nil {
		v := t.traced.Return(ret)
		v.Refused = refused
		t.traced = nil
		e.tell(v)
	}
}

// traceNever tells of a call that will not return.
func (e *engine) traceNever(t *task) {
	if t.traced != nil {
		v := t.traced.Never()
		t.traced = nil
		e.tell(v)
	}
}

// traceExec tells of a program's start.
func (e *engine) traceExec(t *task, x *execution) {
	e.traceReturn(t, 0, false)
	if e.tracesAll() {
		e.tell(strace.Start(t.tid, x.path, x.argv))
	}
}

// traceSignal tells of a signal that is about to be delivered.
func (e *engine) traceSignal(t *task, sig unix.Signal, info []byte) {
	if e.tracesAll() {
		e.tell(strace.Signal(t.tid, sig, info))
	}
}

// traceStop tells of a task that a signal has stopped.
func (e *engine) traceStop(t *task, sig unix.Signal) {
	if e.tracesAll() {
		e.tell(strace.Stop(t.tid, sig))
	}
}

// traceCounter tells of a read of the time-stamp counter.
func (e *engine) traceCounter(t *task, code []byte, value uint64) {
	if e.tracesAll() {
		name := "rdtsc"
		if len(code) == 3 {
			name = "rdtscp"
		}
		e.tell(strace.Counter(t.tid, name, value))
	}
}

// traceEnd tells of a task's end. Several that one signal ends die in the
// order in which the kernel comes to them, and before or after the call that
// sent it is over: their events wait until all are there, and that call is.
func (e *engine) traceEnd(t *task) {
	if e.cfg.Trace != nil {
		e.ends = append(e.ends, t)
	}
}

// tell hands an event over, after the ends that came before it.
func (e *engine) tell(v strace.Event) {
	e.tellEnds()
	e.cfg.Trace.Event(v)
}

// tellEnds hands over the ends that have not been told of, in the order of the
// tasks.
func (e *engine) tellEnds() {
	if len(e.ends) == 0 {
		return
	}
	ends := e.ends
	e.ends = nil
	slices.SortFunc(ends, func(t, u *task) int { return t.path.Compare(u.path) })
	for _, t := range ends {
		if t.traced != nil {
			e.cfg.Trace.Event(t.traced.Never())
		}
		if e.tracesAll() {
			e.cfg.Trace.Event(strace.End(t.vpid, t.status))
		}
	}
}

func (e *engine) tracesAll() bool { return e.cfg.Trace != nil && e.cfg.Trace.Calls == nil }
