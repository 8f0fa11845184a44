package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	sysgood   = unix.SIGTRAP | 0x80 // PTRACE_O_TRACESYSGOOD
	stopEvent = unix.PTRACE_EVENT_STOP
)

// event handles what Wait reported of a task.
func (e *engine) event(pid int, ws unix.WaitStatus) {
	t := e.tasks[pid]
	if !ws.Stopped() {
		if t != nil {
			delete(e.expect, pid)
			e.exited(t, ws)
		}
		return
	}
	sig, event := ws.StopSignal(), int(uint32(ws)>>16)
	if t == nil {
		// A new task may stop before its parent reports it.
		if event == stopEvent {
			e.early[pid] = true
		}
		return
	}
	if t.doomed {
		// On its way out; nothing that it does counts any more.
		e.tr.Cont(pid, 0)
		return
	}
	if e.expect[pid] != "death" {
		delete(e.expect, pid)
	}
	if e.running == t || t.state == stateVfork {
		// Stopped; who runs next is decided below.
		t.state = stateReady
	}
	switch {
	case event == unix.PTRACE_EVENT_SECCOMP:
		e.enter(t)
	case sig == sysgood:
		e.leave(t)
	case event == unix.PTRACE_EVENT_FORK, event == unix.PTRACE_EVENT_VFORK, event == unix.PTRACE_EVENT_CLONE:
		e.forked(t, event == unix.PTRACE_EVENT_VFORK)
	case event == unix.PTRACE_EVENT_VFORK_DONE:
		e.park(t, stateReady)
	case event == unix.PTRACE_EVENT_EXEC:
		e.execed(t)
	case event == stopEvent:
		e.stopEvent(t, sig)
	case event == 0:
		e.signal(t, sig)
	default:
		e.resume(t)
	}
}

// stopEvent handles PTRACE_EVENT_STOP: a new task's first stop, a group stop,
// or the end of one.
func (e *engine) stopEvent(t *task, sig unix.Signal) {
	switch sig {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		t.stopped, t.stopSeen = sig, false
		if t.parent != nil {
			t.parent.raised = true
		}
		e.park(t, stateStopped)
		e.tr.Listen(t.pid)
	default:
		if t.state == stateStopped {
			t.contd = true
			t.stopped = 0
			if t.parent != nil {
				t.parent.raised = true
			}
		}
		e.park(t, stateReady)
	}
}

// Offsets in siginfo_t; sigaction(2) and asm-generic/siginfo.h.
const (
	siCode  = 8
	siUID   = 20
	siUtime = 32
	siStime = 40
	siAddr  = 16
)

// signal handles a signal that is about to be delivered.
func (e *engine) signal(t *task, sig unix.Signal) {
	t.raised = e.deliverable(t)
	if sig == unix.SIGSEGV && e.counter(t) {
		e.resume(t)
		return
	}
	info, errno := e.tr.Siginfo(t.pid)
	if errno == 0 {
		code := int32(binary.LittleEndian.Uint32(info[siCode:]))
		if sig == unix.SIGCHLD && code > 0 {
			// Times that a child used, and the uid as the host sees it.
			binary.LittleEndian.PutUint32(info[siUID:], uint32(e.cfg.UID))
			clear(info[siUtime : siStime+8])
			e.tr.SetSiginfo(t.pid, &info)
		} else if code <= 0 {
			binary.LittleEndian.PutUint32(info[siUID:], uint32(e.cfg.UID))
			e.tr.SetSiginfo(t.pid, &info)
		}
	}
	t.sig = sig
	e.resume(t)
}

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
	// Signals whose default is to be ignored; signal(7).
	const quiet = 1<<(17-1) | 1<<(18-1) | 1<<(23-1) | 1<<(28-1)
	ignored := s.ignored | quiet&^s.caught
	if pending&^ignored != 0 {
		return true
	}
	if t.state == stateBlocked {
		t.raised = false // until the next signal
	}
	return false
}
