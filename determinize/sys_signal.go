package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// sigactionEnter handles rt_sigaction of SIGCHLD: whether children leave zombies behind
// decides what a wait can see.
func sigactionEnter(e *engine, t *task) verdict {
	if t.arg(1) == 0 {
		return run() // asks
	}
	var act [16]byte // handler and flags of struct kernel_sigaction
	if e.tr.ReadFull(t.pid, t.arg(1), act[:]) != 0 {
		return run()
	}
	const sigIgn, saNoCldWait = 1, 2
	handler := binary.LittleEndian.Uint64(act[:])
	ignored := handler == sigIgn
	caught := handler > sigIgn
	noWait := ignored || binary.LittleEndian.Uint64(act[8:])&saNoCldWait != 0
	set := func() verdict {
		if s, ok := e.signalState(t); ok && caught && (s.caught|s.blocked)&chldBit == 0 && s.pending&chldBit != 0 {
			t.vain = true // the kernel keeps it for one that is traced
		}
		return runThen(func(ret int64) {
			if ret == 0 {
				t.chldCaught = t.chldCaught || caught
				t.chldIgnored = ignored
				t.noWait = noWait
				t.syncExits()
			}
		})
	}
	if t.births == 0 || ignored == t.chldIgnored && noWait == t.noWait && (!caught || t.chldCaught) {
		return set()
	}
	// It does not hold for the children that end before.
	if v, wait := e.order(t, t.children); wait {
		return v
	}
	if e.buriesBefore(t, t.stamp()) {
		t.later = func() { e.apply(t, set()) }
		e.park(t, stateReaping)
		return verdict{do: doHold}
	}
	return set()
}

// chldBit is SIGCHLD in a signal mask.
const chldBit = 1 << (unix.SIGCHLD - 1)

// pauseEnter handles pause.
func pauseEnter(e *engine, t *task) verdict {
	v := block(saying("a signal"), e.everybody(t), nil)
	v.broken = run
	return v
}

// sigsuspendEnter handles rt_sigsuspend.
func sigsuspendEnter(e *engine, t *task) verdict {
	mask, errno := e.readMask(t, t.arg(0), t.arg(1))
	if errno != 0 {
		return fail(errno)
	}
	t.mask, t.masked, t.raised = mask, true, true
	v := block(saying("a signal"), e.everybody(t), nil)
	v.broken = run
	return v
}

// sigwaitEnter handles rt_sigtimedwait: the kernel takes a pending signal of
// the set; while there is none the task waits here.
func sigwaitEnter(e *engine, t *task) verdict {
	t.chldCaught = true
	t.syncExits()
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	set, errno := e.readMask(t, t.arg(0), t.arg(3))
	if errno != 0 {
		return fail(errno)
	}
	deadline, timed := int64(0), t.arg(2) != 0
	if timed {
		d, errno := e.readTimespec(t, t.arg(2))
		if errno != 0 {
			return fail(errno)
		}
		deadline = t.clk.Now() + d
	}
	pending := func() bool { return e.pending(t, set) }
	poll := func() verdict { return e.takesSignal(t) }
	if pending() {
		return poll()
	}
	v := block(saying("a signal"), e.everybody(t), func() (sched.Stamp, bool) { return e.pendingSince(t, set) })
	v.then = func() verdict {
		if !pending() {
			return v // another thread was faster
		}
		return poll()
	}
	v.broken = func() verdict { return e.interrupt(t, restartNoHand) }
	if timed {
		v.wake = t.wakeAt(deadline)
		v.timeUp = func() verdict {
			t.clk.SleepUntil(deadline)
			return fail(unix.EAGAIN)
		}
	}
	return v
}

// pending tells whether the kernel has a signal of a set for a task.
func (e *engine) pending(t *task, set uint64) bool {
	s, ok := e.signalState(t)
	return !ok || s.pending&set != 0
}

// pendingSince is since when there is a signal of a set for a task, which waits for it: it
// is pending, or will be as a child of it may end now.
func (e *engine) pendingSince(t *task, set uint64) (at sched.Stamp, ok bool) {
	at, ok = t.raisedAt, e.pending(t, set)
	for _, k := range t.kids {
		if set&chldBit != 0 && k.state == stateExiting && (!ok || k.shown().Before(at)) {
			at, ok = k.shown(), true
		}
	}
	return at, ok
}

// takesSignal has a task take a signal that is pending, with rt_sigtimedwait.
func (e *engine) takesSignal(t *task) verdict {
	const redZone = 128 // below the stack pointer, a leaf function's own
	addr := t.arg(1)
	if addr == 0 {
		addr = (t.call.SP - redZone - 128) &^ 15
		e.setArg(t, 1, addr)
	}
	return runThen(func(ret int64) {
		e.changes++ // others may have waited for it
		var info [128]byte
		if ret <= 0 || e.tr.ReadFull(t.pid, addr, info[:]) != 0 {
			return
		}
		if e.showSignal(t, unix.Signal(ret), &info) {
			e.tr.WriteFull(t.pid, addr, info[:])
		}
	})
}

// readMask reads a signal mask that a call puts in force while it waits.
func (e *engine) readMask(t *task, addr, size uint64) (uint64, unix.Errno) {
	if size != 8 {
		return 0, unix.EINVAL
	}
	var b [8]byte
	if e.tr.ReadFull(t.pid, addr, b[:]) != 0 {
		return 0, unix.EFAULT
	}
	return binary.LittleEndian.Uint64(b[:]), 0
}
