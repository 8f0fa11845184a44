package tracer

import "golang.org/x/sys/unix"

// Stop says why a task has stopped; ptrace(2).
type Stop uint8

// The kinds of stops.
const (
	StopSignal    Stop = iota // a signal is about to be delivered
	StopSeccomp               // at an intercepted call, before the kernel sees it
	StopExit                  // at the exit of a call that ContToExit let through
	StopFork                  // a fork has made a task; EventMessage names it
	StopVfork                 // the same; the parent will wait in the kernel
	StopVforkDone             // that wait is over
	StopExec                  // a new program is about to run its first instruction
	StopGroup                 // a stop signal stopped the task; Listen leaves it so
	StopEvent                 // a new task's first stop, the end of a group stop, or Interrupt
	StopOther                 // anything else
)

// StopOf tells from a wait status, of a task that is stopped, why. sig is the
// signal of StopSignal and StopGroup.
func StopOf(ws unix.WaitStatus) (s Stop, sig unix.Signal) {
	sig = ws.StopSignal()
	switch int(uint32(ws) >> 16) {
	case 0:
		if sig == unix.SIGTRAP|0x80 { // PTRACE_O_TRACESYSGOOD
			return StopExit, 0
		}
		return StopSignal, sig
	case unix.PTRACE_EVENT_SECCOMP:
		return StopSeccomp, 0
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_CLONE:
		return StopFork, 0
	case unix.PTRACE_EVENT_VFORK:
		return StopVfork, 0
	case unix.PTRACE_EVENT_VFORK_DONE:
		return StopVforkDone, 0
	case unix.PTRACE_EVENT_EXEC:
		return StopExec, 0
	case unix.PTRACE_EVENT_STOP:
		switch sig {
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			return StopGroup, sig
		}
		return StopEvent, 0
	}
	return StopOther, sig
}
