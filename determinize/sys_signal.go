package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// killEnter handles kill, tkill, tgkill and the calls that queue a signal.
func killEnter(e *engine, t *task) verdict {
	target, sig := int(t.fd(0)), t.arg(1)
	switch t.call.Nr {
	case unix.SYS_TGKILL, unix.SYS_RT_TGSIGQUEUEINFO:
		target, sig = int(t.fd(1)), t.arg(2)
	}
	if v, wait := e.order(t); wait {
		return v
	}
	targets := e.targets(t, target)
	if errno := e.mayKill(target); errno != 0 {
		return fail(errno)
	}
	if busy := func() bool { return slices.ContainsFunc(targets, (*task).busy) }; sig != 0 && unix.Signal(sig) != unix.SIGKILL && busy() {
		return block("another process to wait for something, so that it can be signaled", func() bool { return !busy() })
	}
	if unix.Signal(sig) == unix.SIGKILL {
		// They may be gone before the call returns, and the sender with them.
		for _, u := range targets {
			u.doomed = true
		}
		t.victims = targets
	}
	return runThen(func(ret int64) {
		t.victims = nil
		if ret != 0 {
			for _, u := range targets {
				u.doomed = false
			}
		}
		if ret == -int64(unix.EAGAIN) {
			e.taint("exhausted", callName(t)+": the host has no room for more pending signals", t)
		}
		if ret != 0 || sig == 0 {
			return
		}
		for _, u := range targets {
			if u != t && u.state != stateDead {
				e.signaled(u, unix.Signal(sig), t)
			}
		}
	})
}

// mayKill says whether there is anybody to signal. Only the box's own tasks are
// the kernel's to look for: its init, and the threads of that, are not the
// guest's, whatever user it is.
func (e *engine) mayKill(target int) unix.Errno {
	switch {
	case target == 1:
		return unix.EPERM
	case target > 0 && e.vpids[target] == nil:
		return unix.ESRCH
	case target < -1:
		for _, u := range e.vpids { // the dead ones that nobody has waited for, too
			if u.pgid == -target {
				return 0
			}
		}
		return unix.ESRCH
	}
	return 0
}

// deliveryCalls is the number of calls after which a task can be signaled that
// never waits.
const deliveryCalls = 1024

// busy tells whether a task is under way between two places at which signals
// from others reach it: where it waits, or after so many calls. Where exactly
// it is between them depends on nothing that the guest can know.
func (t *task) busy() bool {
	return (t.state == stateReady || t.state == stateOrdered) && t.calls < deliveryCalls
}

// targets are the tasks that kill's first argument names; kill(2).
func (e *engine) targets(t *task, target int) []*task {
	var out []*task
	for _, u := range e.tasks {
		switch {
		case target > 0 && u.vpid == target,
			target == 0 && u.pgid == t.pgid,
			target == -1 && u != t,
			target < -1 && u.pgid == -target:
			out = append(out, u)
		}
	}
	return out
}

// signaled notes that a task was sent a signal by another.
func (e *engine) signaled(u *task, sig unix.Signal, from *task) {
	u.raised = true
	u.sender = from.clk.Edge
	switch {
	case sig == unix.SIGKILL:
		u.doomed = true
		u.state = stateDying
		e.await(u, "death")
	case u.state == stateSpin:
		u.state = stateReady // so that it is delivered
	case sig == unix.SIGCONT && u.state == stateStopped:
		e.await(u, "continuation")
	}
}

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
	ignored := binary.LittleEndian.Uint64(act[:]) == sigIgn
	flags := binary.LittleEndian.Uint64(act[8:])
	return runThen(func(ret int64) {
		if ret == 0 {
			t.chldIgnored = ignored
			t.noWait = ignored || flags&saNoCldWait != 0
		}
	})
}

// pauseEnter handles pause.
func pauseEnter(e *engine, t *task) verdict {
	v := block("a signal", nil)
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
	v := block("a signal", nil)
	v.broken = run
	return v
}

// sigwaitEnter handles rt_sigtimedwait: the kernel takes a pending signal of
// the set; while there is none the task waits here.
func sigwaitEnter(e *engine, t *task) verdict {
	if v, wait := e.order(t); wait {
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
	pending := func() bool {
		s, ok := e.signalState(t)
		return !ok || s.pending&set != 0
	}
	poll := func() verdict {
		return runThen(func(ret int64) {
			if addr := t.arg(1); ret > 0 && addr != 0 {
				e.tr.WriteFull(t.pid, addr+siUID, []byte{byte(e.cfg.UID), byte(e.cfg.UID >> 8), byte(e.cfg.UID >> 16), byte(e.cfg.UID >> 24)})
			}
		})
	}
	if pending() {
		return poll()
	}
	v := block("a signal", pending)
	v.then = poll
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
