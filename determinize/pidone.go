package determinize

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// A container's first process is pid 1 of its pid namespace: it gets the orphans, and of the
// signals that the box's processes send only those that it has a handler for; pid_namespaces(7).
// In other boxes pid 1 is an init that is not traced, and the command a process like others.

// isInit tells whether a task is the box's init that is not traced.
func (e *engine) isInit(u *task) bool { return u != nil && u == e.init }

// isPIDOne tells whether a task is pid 1 and traced.
func (e *engine) isPIDOne(u *task) bool { return e.init == nil && u.process == e.root.process }

// failed is why the box must end, or nil. When a pid 1 that is traced comes to its end, the kernel kills all others,
// wherever they are: that is seen before its end, and no failure.
func (e *engine) failed() error {
	if e.ended && e.init == nil && errors.Is(e.fatal, ErrLost) {
		e.fatal = nil
	}
	return e.fatal
}

// faults tells whether a signal says that a task's program has gone wrong, and the kernel
// would end it if it were not pid 1 and traced: it then lets the instruction fail again, and again.
func (e *engine) faults(t *task, sig unix.Signal, info []byte) bool {
	const synchronous = 1<<(unix.SIGILL-1) | 1<<(unix.SIGTRAP-1) | 1<<(unix.SIGBUS-1) | 1<<(unix.SIGFPE-1) | 1<<(unix.SIGSEGV-1) | 1<<(unix.SIGSYS-1)
	if !e.isPIDOne(t) || sigBit(sig)&synchronous == 0 || int32(binary.LittleEndian.Uint32(info[siCode:])) <= 0 {
		return false
	}
	s, ok := e.signalState(t)
	return ok && s.caught&sigBit(sig) == 0
}

// diesUntraced has pid 1 die of the fault that it has stopped for, as it would if nobody traced it: its parent is told by
// which signal. Where that cannot be, SIGKILL ends it.
func (e *engine) diesUntraced(t *task) bool {
	if e.tr.Fault(t.pid, t.sig) != 0 {
		if t.threaded() {
			e.takesOver(t)
		}
		t.doomed = true
		unix.Kill(t.pid, unix.SIGKILL)
		return false
	}
	e.park(t, stateDying) // until its other threads have died with it, which will be seen
	e.exited(t, unix.WaitStatus(t.sig))
	return true
}

// immune tells whether a signal from within the box has no effect on a task.
func (e *engine) immune(u *task, sig unix.Signal) bool {
	if !e.isPIDOne(u) {
		return false
	}
	if sig == unix.SIGKILL || sig == unix.SIGSTOP {
		return true
	}
	s, ok := e.signalState(u)
	bit := sigBit(sig)
	return ok && (s.caught|s.blocked)&bit == 0
}
