package determinize

import (
	"encoding/binary"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
)

// A signal from another task reaches its target only at certain places: where it
// waits, or after so many calls. Where exactly it is between them depends on nothing
// that the guest can know. Until then the signal is the engine's; then it is sent.

// deliveryCalls is the number of calls after which a task can be signaled that
// never waits.
const deliveryCalls = 1024

// maxSignal is the greatest signal number; signal(7).
const maxSignal = 64

// letter is a signal that is on its way.
type letter struct {
	sig  unix.Signal
	info [128]byte // siginfo_t, as the target is shown it
	at   sched.Stamp
	edge clock.Edge

	thread bool // it is for one thread

	timer *timer // that sent it, or nil
	set   int    // how often that had been set then
	token uint64 // by which it is known again
}

// killEnter handles kill, tkill, tgkill and the calls that queue a signal.
func killEnter(e *engine, t *task) verdict {
	target, sig, code, group := int(t.fd(0)), t.arg(1), int32(0), 0
	infoArg := -1
	switch t.call.Nr {
	case unix.SYS_TKILL:
		code = siTkill
	case unix.SYS_TGKILL:
		group, target, sig, code = target, int(t.fd(1)), t.arg(2), siTkill
	case unix.SYS_RT_SIGQUEUEINFO:
		infoArg = 2
	case unix.SYS_RT_TGSIGQUEUEINFO:
		group, target, sig, infoArg = target, int(t.fd(1)), t.arg(2), 3
	}
	if sig != 0 {
		if v, wait := e.serially(t); wait {
			return v
		}
	} else if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	if sig > maxSignal {
		return fail(unix.EINVAL)
	}
	if t.call.Nr != unix.SYS_KILL && target <= 0 || (t.call.Nr == unix.SYS_TGKILL || t.call.Nr == unix.SYS_RT_TGSIGQUEUEINFO) && group <= 0 {
		return fail(unix.EINVAL)
	}
	if u := e.threadByID(target); u != nil && u.process == t.process && t.call.Nr != unix.SYS_KILL {
		// Its own threads.
	} else if errno := e.mayKill(t, target); errno != 0 {
		return fail(errno)
	}
	targets := e.targets(t, target)
	if all := len(targets); all > 0 {
		targets = slices.DeleteFunc(targets, func(u *task) bool { return u.process != t.process && !e.maySignal(t, u) })
		if len(targets) == 0 {
			return fail(unix.EPERM)
		}
	}
	thread := t.call.Nr != unix.SYS_KILL && t.call.Nr != unix.SYS_RT_SIGQUEUEINFO
	if thread {
		u := e.threadByID(target)
		if u == nil || group != 0 && group != u.vpid {
			return fail(unix.ESRCH)
		}
		targets = []*task{u}
	}
	if !thread {
		e.addressees(targets, unix.Signal(sig))
	}
	if sig != 0 {
		targets = slices.DeleteFunc(targets, func(u *task) bool { return e.immune(u, unix.Signal(sig)) })
	}
	if len(targets) == 1 && (targets[0] == t || sig == uint64(unix.SIGKILL) && !thread && targets[0].process == t.process) {
		if t.doomed = sig == uint64(unix.SIGKILL); t.doomed && t.threaded() {
			e.takesOver(t)
		}
		return runThen(func(int64) { e.raise(t, t.stamp()) }) // another thread may wait for it
	}
	if e.caches() && sig == 0 {
		e.looksFor(t, targets)
	}
	l := letter{sig: unix.Signal(sig), at: t.stamp(), edge: t.clk.Edge, thread: thread}
	if infoArg >= 0 {
		if e.tr.ReadFull(t.pid, t.arg(infoArg), l.info[:]) != 0 {
			return fail(unix.EFAULT)
		}
		if l.claims() {
			return fail(unix.EPERM)
		}
	} else {
		e.signs(t, &l, code)
	}
	binary.LittleEndian.PutUint32(l.info[:], uint32(sig))
	return e.mailAll(t, l, targets)
}

// addressees replaces processes that a signal is for by those of their threads that get it.
func (e *engine) addressees(targets []*task, sig unix.Signal) {
	for i, u := range targets {
		if sig > 0 && sig != unix.SIGKILL {
			targets[i] = e.addressee(u.process, sig)
		}
	}
}

// claims tells whether a signal's sender claims what only the kernel says of others.
func (l *letter) claims() bool {
	c := int32(binary.LittleEndian.Uint32(l.info[siCode:]))
	return c >= 0 || c == siTkill
}

// signs says in a signal who has sent it.
func (e *engine) signs(t *task, l *letter, code int32) {
	binary.LittleEndian.PutUint32(l.info[siCode:], uint32(code))
	binary.LittleEndian.PutUint32(l.info[siPID:], uint32(t.vpid))
	binary.LittleEndian.PutUint32(l.info[siUID:], e.uid(t))
}

// mailAll sends a signal to some tasks.
func (e *engine) mailAll(t *task, l letter, targets []*task) verdict {
	if l.sig == 0 {
		return answer(0)
	}
	if !l.thread {
		e.addressees(targets, l.sig)
	}
	self := false
	for _, u := range targets {
		if u == t {
			self = true
			continue
		}
		e.crosses(t, u, "it sends a signal to a process that it has not started", "another program sends it a signal")
		if l.sig == unix.SIGKILL {
			e.kill(t, u, &l)
			e.await(t, u)
			continue
		}
		e.tooLate(t, u, &l, u.pointLate && l.at.Before(sched.Stamp{B: u.lastPoint, Path: u.path}))
		stopped := u.state == stateStopped
		if e.mail(u, &l); stopped && u.state == stateWaking {
			e.await(t, u) // the kernel tells its parent when it goes on
		}
	}
	if self {
		e.post(t, &l)
		if l.sig == unix.SIGKILL {
			t.doomed = true
			e.traceNever(t)
			e.park(t, stateDying)
			return verdict{do: doHold}
		}
	}
	if t.reaping > 0 {
		t.later = func() { e.apply(t, answer(0)) }
		e.park(t, stateReaping)
		return verdict{do: doHold}
	}
	return answer(0)
}

// tooLate notes that a signal comes to a task that has gone on without it, or on which
// others counted who have: another run may find it elsewhere.
func (e *engine) tooLate(t, u *task, l *letter, late bool) {
	if late || l.at.Before(u.ord.Relied) {
		e.race(conflict.ClassSignal, l.sig.String()+", sent to process "+strconv.Itoa(u.vpid), t, u)
	}
}

// kill sends SIGKILL to a task.
func (e *engine) kill(t, u *task, l *letter) {
	e.tooLate(t, u, l, u.actedAfter(l.at))
	e.cutOff(u, l.at)
	e.closesFiles(u, func(int) bool { return true }) // it does not come to it itself
	e.signaled(u, l.sig, l)
	unix.Kill(u.pid, l.sig)
}

// mail gives a signal to the engine until it can be sent, or sends it.
func (e *engine) mail(u *task, l *letter) {
	if u.state == stateLeft && len(u.threads) > 0 {
		u = u.threads[0]
	}
	switch u.state {
	case stateDead, stateExiting, stateDying:
		return
	case stateStopped, stateVfork, stateSpin:
		u.clk.B = max(u.clk.B, l.at.B) // what it does now comes after the signal
		e.signaled(u, l.sig, l)
		e.post(u, l)
		return
	}
	if l.sig < sigRTMin {
		for i := range u.inbox {
			if u.inbox[i].sig == l.sig {
				return // as one that is pending already
			}
		}
	}
	u.inbox = append(u.inbox, *l)
	e.changes++
}

// sigRTMin is the first signal of which several can be pending; signal(7).
const sigRTMin = 32

// collect sends a task the signals that are on their way to it, of before a stamp.
func (e *engine) collect(t *task, before sched.Stamp) {
	for len(t.inbox) > 0 && t.inbox[0].at.Before(before) {
		l := t.inbox[0]
		t.inbox = t.inbox[1:]
		e.signaled(t, l.sig, &l)
		e.post(t, &l)
	}
}

// post sends a signal. The kernel lets nobody say of somebody else that he has sent it
// in the usual way: what the target is shown is corrected where it is delivered.
func (e *engine) post(t *task, l *letter) {
	if l.sig == unix.SIGKILL {
		unix.Kill(t.pid, l.sig)
		return
	}
	e.posts++
	l.token = postMark | e.posts
	var info [128]byte
	binary.LittleEndian.PutUint32(info[:], uint32(l.sig))
	binary.LittleEndian.PutUint32(info[siCode:], siQueue&0xffffffff)
	binary.LittleEndian.PutUint64(info[siValue:], l.token)
	var errno unix.Errno
	if l.thread || t.threaded() && e.letsIn(t, l.sig) {
		_, _, errno = unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(t.first), uintptr(t.pid), uintptr(l.sig), uintptr(unsafe.Pointer(&info)), 0, 0)
	} else {
		_, _, errno = unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(t.first), uintptr(l.sig), uintptr(unsafe.Pointer(&info)))
	}
	if errno == unix.EAGAIN {
		e.taint("exhausted", "the host has no room for more pending signals", t)
	}
	t.mailed = append(t.mailed, *l)
}

// postMark marks the tokens of signals that the engine has sent.
const postMark = 0x6c61 << 48

// Values of si_code; sigaction(2).
const (
	siQueue  = -1
	siTimer  = -2
	siTkill  = -6
	siKernel = 0x80
)

// kills tells whether the call that a task is in sends a signal.
func (t *task) kills() bool {
	switch t.call.Nr {
	case unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO:
		return true
	}
	return false
}

// posted tells whether a signal that a task is shown, with what the kernel says of it, is one that
// the engine has sent, and if so replaces that by what its sender said.
func (e *engine) posted(t *task, sig unix.Signal, info *[128]byte) bool {
	code, token := int32(binary.LittleEndian.Uint32(info[siCode:])), binary.LittleEndian.Uint64(info[siValue:])
	i := slices.IndexFunc(t.mailed, func(l letter) bool { return l.sig == sig && l.token == token })
	if i < 0 || code != siQueue {
		e.shownSignal(t, sig, &letter{})
		return false
	}
	l := t.mailed[i]
	t.clk.Past.Join(&l.edge.Past)
	t.mailed = slices.Delete(t.mailed, i, i+1)
	e.shownSignal(t, sig, &l)
	*info = l.info
	return true
}

// mayKill says whether there is anybody to signal. Only the box's own tasks are
// the kernel's to look for: its init, and the threads of that, are not the
// guest's, whatever user it is.
func (e *engine) mayKill(t *task, target int) unix.Errno {
	switch {
	case target == 1 && e.init != nil:
		return unix.EPERM
	case e.reapedAfter(t, target):
		return 0
	case target > 0 && (e.vpids[target] == nil || !e.vpids[target].bornBefore(t)):
		return unix.ESRCH
	case target < -1:
		for _, u := range e.vpids { // the dead ones that nobody has waited for, too
			if u.pgid == -target && u.bornBefore(t) {
				return 0
			}
		}
		return unix.ESRCH
	}
	return 0
}

// targets are the tasks that kill's first argument names; kill(2).
func (e *engine) targets(t *task, target int) []*task {
	var out []*task
	for _, u := range e.tasks {
		switch {
		case u != u.leader || !u.bornBefore(t):
		case target > 0 && u.vpid == target,
			target == 0 && u.pgid == t.pgid,
			target == -1 && u.process != t.process && u.vpid != 1,
			target < -1 && u.pgid == -target:
			out = append(out, u)
		}
	}
	return out
}

// signaled notes that a task is sent a signal by another.
func (e *engine) signaled(u *task, sig unix.Signal, l *letter) {
	e.raise(u, l.at)
	u.sender = l.edge
	switch {
	case sig == unix.SIGKILL:
		if u.threaded() {
			e.takesOver(u)
		}
		u.doomed = true
		e.park(u, stateDying)
	case u.state == stateSpin:
		e.park(u, stateReady) // so that it is delivered
	case sig == unix.SIGCONT && u.state == stateStopped:
		for _, w := range u.threads {
			if w.state == stateStopped {
				e.park(w, stateWaking)
			}
		}
	}
}
