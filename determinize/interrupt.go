package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/tracer"
)

// A task that runs is stopped from outside when the box pauses, or when it spins. The
// moment is the machine's doing, and must not show: but while the kernel has not got
// to stop it, it breaks off some calls, a fork say, to make them again, as it does for
// a signal. Such a call is decided anew as if it had not been made before.

// stop stops a task that runs. It may come to a call first; that stop is then instead of
// the one that was asked for, or comes before it. So it is asked for each time.
func (e *engine) stop(t *task) bool {
	if e.tr.Interrupt(t.pid) == 0 {
		t.stopping = true
	}
	return t.stopping
}

// stopAll stops all tasks that run.
func (e *engine) stopAll() {
	for _, t := range e.live {
		if t.state == stateRunning {
			e.stop(t)
		}
	}
}

// dispatchAlone lets the task go on that waits for the others to stop, once they have.
func (e *engine) dispatchAlone() {
	if e.transit > 0 {
		e.stopAll()
		return
	}
	t := e.alone
	e.alone = nil
	f := t.later
	t.later = nil
	f()
}

// whenAlone has a task that is at the exit of a call go on with f once no other runs.
func (e *engine) whenAlone(t *task, f func()) {
	if e.serial {
		f()
		return
	}
	t.here = false
	t.later = func() {
		f()
		e.resume(t)
	}
	e.alone = t
	e.park(t, stateAlone)
}

// breaksOff looks, where a call returns, whether that is only because its task is to
// be stopped, or because a signal is pending that it need not notice: the kernel breaks
// off a fork for any. Then the call will be made again.
func (e *engine) breaksOff(t *task, ret int64) {
	if !t.stopping {
		t.brokenOff = ret == restartNoIntr
		return
	}
	switch ret {
	case -int64(unix.EINTR): // of those that the kernel leaves it to the caller to make again
		e.tr.SetResult(t.pid, restartNoIntr)
	case restartSys, restartNoIntr, restartNoHand, restartBlock:
	default:
		return
	}
	e.tr.SetNr(t.pid, t.call.Nr) // another one may have been made in its place
	t.brokenOff = true
}

// madeAgain tells whether the call at which a task has stopped is its last one, which
// was broken off.
func (t *task) madeAgain(last tracer.Syscall) bool {
	again := t.brokenOff && t.call == last
	t.brokenOff = false
	return again
}
