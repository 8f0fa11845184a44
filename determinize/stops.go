package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vdso"
)

// event handles what Wait reported of a task.
func (e *engine) event(pid int, ws unix.WaitStatus) {
	t := e.tasks[pid]
	if !ws.Stopped() {
		if t != nil {
			e.exited(t, ws)
		}
		return
	}
	stop, sig := tracer.StopOf(ws)
	if t == nil {
		// A new task may stop before its parent reports it.
		if stop == tracer.StopEvent && e.forking != nil {
			e.early[pid] = true
		} else if e.cfg.Service {
			unix.Kill(pid, unix.SIGKILL) // its parent has been killed while it forked
		}
		return
	}
	if stop == tracer.StopExec {
		t = e.execsAs(t)
		t.reads = nil // its memory is another one's
		e.learnsProgram(t)
	}
	if t.doomed {
		// On its way out; nothing that it does counts any more.
		e.tr.Cont(pid, 0)
		return
	}
	e.takeClock(t)
	e.be(t)
	t.events++
	if e.stops++; e.stops%paceEvery == 0 {
		e.lookAtPaces()
	}
	if t.state == stateRunning || t.state == stateWaking || t.state == stateVfork {
		// Stopped; who runs next is decided below.
		e.park(t, stateReady)
	}
	switch stop {
	case tracer.StopSeccomp:
		e.enter(t)
	case tracer.StopExit:
		e.leave(t)
	case tracer.StopFork, tracer.StopVfork:
		e.forked(t, stop == tracer.StopVfork)
	case tracer.StopVforkDone:
		if t.plan != nil && t.plan.child != nil {
			e.vforkOver(t.plan.child)
		}
		e.park(t, stateReady)
	case tracer.StopExec:
		e.execed(t)
	case tracer.StopGroup:
		e.groupStop(t, sig)
	case tracer.StopEvent:
		e.goesOn(t)
	case tracer.StopSignal:
		e.signal(t, sig)
	default:
		e.resume(t)
	}
}

// groupStop handles a task that a stop signal has stopped. The process has, for its parent,
// when all its threads have.
func (e *engine) groupStop(t *task, sig unix.Signal) {
	t.stopping = false
	t.clk.B++ // others count on it that it does nothing before its next call
	e.tellsEarly(t)
	e.park(t, stateStopped)
	e.tr.Listen(t.pid)
	for _, u := range t.threads {
		if u.state != stateStopped {
			t.halting = true
			e.changes++
			return
		}
	}
	t.halting = false
	t.stopped, t.stopSeen = sig, false
	e.raise(t.parent, t.stamp())
	e.traceStop(t, sig)
}

// goesOn handles a new task's first stop, and the end of a group stop.
func (e *engine) goesOn(t *task) {
	t.stopping = false
	if t.stopped != 0 {
		t.contd, t.contdAt = true, t.stamp()
		t.stopped = 0
		if w := t.awaitedBy; w != nil {
			t.awaitedBy = nil
			w.reaping--
		}
		e.tellsEarly(t)
		e.raise(t.parent, t.stamp())
	} else if t.spinning {
		e.spins(t)
		return
	}
	e.park(t, stateReady)
}

// raise notes that a task may have been sent a signal, at a stamp.
func (e *engine) raise(t *task, at sched.Stamp) {
	if t == nil {
		return
	}
	for _, u := range t.threads {
		if !u.raised || at.Before(u.raisedAt) {
			u.raisedAt = at
		}
		u.raised = true
	}
	e.changes++
}

// Offsets in siginfo_t; sigaction(2) and asm-generic/siginfo.h.
const (
	siCode   = 8
	siPID    = 16
	siUID    = 20
	siStatus = 24
	siValue  = 24
	siUtime  = 32
	siStime  = 40
	siAddr   = 16

	siTimerID = 16
	siOverrun = 20
)

// signal handles a signal that is about to be delivered.
func (e *engine) signal(t *task, sig unix.Signal) {
	if sig == unix.SIGSEGV && e.counter(t) {
		e.resume(t)
		return
	}
	if sig == unix.SIGCHLD && t.vain {
		t.vain = false // it came before it was caught
		e.resume(t)
		return
	}
	if t.raised = e.deliverable(t); t.raised {
		t.raisedAt = t.stamp()
	}
	if sig == unix.SIGILL && e.dataLeft(t) {
		e.fatal = vdso.ErrData
		return
	}
	if sig == unix.SIGXFSZ && e.oversized(t) {
		e.resume(t)
		return
	}
	info, errno := e.tr.Siginfo(t.pid)
	if errno == 0 && e.showSignal(t, sig, &info) {
		e.tr.SetSiginfo(t.pid, &info)
	}
	t.sig = sig
	e.traceSignal(t, sig, info[:])
	caught, fatal := e.effect(t, sig)
	if caught || fatal || sig == unix.SIGTSTP {
		e.keyed(sig, info[:])
	}
	if e.faults(t, sig, info[:]) {
		fatal, t.fault = true, true
	}
	if k := e.vpids[int(int32(binary.LittleEndian.Uint32(info[siPID:])))]; caught && sig == unix.SIGCHLD && k != nil && k.parent == t.leader {
		t.clk.Past.Join(&k.clk.Past) // its end comes before the handler
	}
	if caught {
		t.brokenOff = false // if it was, the handler's calls come before it is made again
	}
	if fatal {
		t.clk.B++ // others count on it that it does nothing before its next call
		if t.threaded() {
			e.takesOver(t)
		}
		e.exits(t)
		return
	}
	e.resume(t)
}

// showSignal makes of what the kernel says of a signal what a task is shown, and tells
// whether that is something else.
func (e *engine) showSignal(t *task, sig unix.Signal, info *[128]byte) bool {
	if e.posted(t, sig, info) {
		return true
	}
	switch code := int32(binary.LittleEndian.Uint32(info[siCode:])); {
	case sig == unix.SIGCHLD && code > 0:
		// Times that a child used, and the uid as the host sees it.
		if !e.cfg.Users {
			binary.LittleEndian.PutUint32(info[siUID:], uint32(e.cfg.UID))
		}
		clear(info[siUtime : siStime+8])
		killedWithoutCore(info[:])
	case sig == unix.SIGXCPU && t.timeLimit(info[:]):
	case code <= 0:
		if from := int32(binary.LittleEndian.Uint32(info[siPID:])); from == 0 && sig != unix.SIGPIPE {
			e.taint("signal", sig.String()+" was sent from outside the box", t)
		}
		if !e.cfg.Users {
			binary.LittleEndian.PutUint32(info[siUID:], uint32(e.cfg.UID))
		}
	default:
		return false
	}
	return true
}

// effect tells whether a signal that is delivered has a handler run, and whether it
// ends the task.
func (e *engine) effect(t *task, sig unix.Signal) (caught, fatal bool) {
	// Signals whose default is to stop, or nothing; signal(7).
	const harmless = 1<<(17-1) | 1<<(18-1) | 1<<(19-1) | 1<<(20-1) | 1<<(21-1) | 1<<(22-1) | 1<<(23-1) | 1<<(28-1)
	bit := uint64(1) << (sig - 1)
	s, ok := e.signalState(t)
	return s.caught&bit != 0, ok && (s.caught|s.ignored|harmless)&bit == 0 && !e.isPIDOne(t)
}

// quietSignals are those whose default is to be ignored; signal(7).
const quietSignals = 1<<(17-1) | 1<<(18-1) | 1<<(23-1) | 1<<(28-1)

// deliverable tells whether a signal waits for the task that would end a
// blocking call: one that is neither blocked nor ignored.
func (e *engine) deliverable(t *task) bool {
	s, ok := e.signalState(t)
	if !ok {
		return true // it is going away
	}
	mask := s.blocked
	if t.masked {
		mask = t.mask
	}
	pending := s.pending &^ mask
	ignored := s.ignored | quietSignals&^s.caught
	if e.isPIDOne(t) {
		ignored = ^s.caught
	}
	if pending&^ignored != 0 {
		return true
	}
	if t.state == stateBlocked {
		t.raised = false // until the next signal
	}
	return false
}
