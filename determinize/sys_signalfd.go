package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// signalfd gives who reads it signals that are pending for him; signalfd(2).
type signalfd struct {
	key  vfs.Key
	mask uint64
}

// signalfdEnter handles signalfd and signalfd4.
func signalfdEnter(e *engine, t *task) verdict {
	flags := uint64(0)
	if t.call.Nr == unix.SYS_SIGNALFD4 {
		flags = uint64(uint32(t.arg(3)))
	}
	mask, errno := e.readMask(t, t.arg(1), t.arg(2))
	switch {
	case errno != 0:
		return fail(errno)
	case flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK) != 0:
		return fail(unix.EINVAL)
	}
	mask &^= 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)
	if fd := t.fd(0); fd != -1 {
		var st unix.Stat_t
		if errno := e.statFD(t, fd, &st); errno != 0 {
			return fail(errno)
		}
		sf, ok := e.objects[vfs.KeyOf(&st)].(*signalfd)
		if !ok {
			return fail(unix.EINVAL)
		}
		sf.mask = mask
		e.changes++
		return answer(int64(fd))
	}
	return e.standIn(t, flags, func(k vfs.Key) object {
		t.signalfds = true
		return &signalfd{key: k, mask: mask}
	})
}

// reached has a task that looks for signals in a descriptor, and does not wait for them
// perhaps, be reached by those that were sent to it before. Then it goes on.
func (e *engine) reached(t *task, then func() verdict) verdict {
	if !t.signalfds {
		return then()
	}
	t.chldCaught = true
	t.syncExits()
	e.collect(t, t.stamp())
	if !e.letGoBefore(t, t.stamp()) {
		return then()
	}
	t.later = func() { e.apply(t, then()) }
	e.park(t, stateReaping)
	return verdict{do: doHold}
}

func (sf *signalfd) title() string                { return "[signalfd]" }
func (sf *signalfd) closed(*engine)               {}
func (sf *signalfd) write(*engine, *task) verdict { return fail(unix.EINVAL) }
func (sf *signalfd) ready(e *engine, t *task) int16 {
	if e.pending(t, sf.mask) {
		return unix.POLLIN
	}
	return 0
}

func (sf *signalfd) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	at, ok := e.pendingSince(t, sf.mask)
	return at, ok && asked&unix.POLLIN != 0
}

// sizeofSignal is the size of struct signalfd_siginfo.
const sizeofSignal = 128

// read takes one pending signal, whatever the room for others.
func (sf *signalfd) read(e *engine, t *task) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if total < sizeofSignal {
		return fail(unix.EINVAL)
	}
	take := func() verdict { return sf.take(e, t, spans) }
	return e.reached(t, func() verdict {
		if e.pending(t, sf.mask) {
			return take()
		}
		if e.waitsNot(t) {
			return fail(unix.EAGAIN)
		}
		v := block(saying("a signal (signalfd)"), e.everybody(t), func() (sched.Stamp, bool) { return sf.since(e, t, unix.POLLIN) })
		v.then = take
		return v
	})
}

// take has the kernel give a signal to a task that reads it.
func (sf *signalfd) take(e *engine, t *task, spans []span) verdict {
	const redZone = 128 // below the stack pointer, a leaf function's own
	const timeout, info, size = 8, 24, 24 + 128
	at := (t.call.SP - redZone - size) &^ 15
	scratch := make([]byte, size)
	binary.LittleEndian.PutUint64(scratch, sf.mask)
	if e.tr.WriteFull(t.pid, at, scratch) != 0 {
		return fail(unix.ENOMEM)
	}
	e.tr.SetNr(t.pid, unix.SYS_RT_SIGTIMEDWAIT)
	for i, v := range [...]uint64{at, at + info, at + timeout, 8} {
		e.setArg(t, i, v)
	}
	return runThen(func(ret int64) {
		var siginfo [128]byte
		if ret <= 0 || e.tr.ReadFull(t.pid, at+info, siginfo[:]) != 0 {
			return
		}
		e.showSignal(t, unix.Signal(ret), &siginfo)
		for _, it := range e.watchers[sf.key] {
			it.told = 0 // what is pending from now on is another one
		}
		e.changes++
		ret = sizeofSignal
		if _, errno := e.scatter(t, spans, signalRead(siginfo[:])); errno != 0 {
			ret = -int64(errno)
		}
		e.tr.SetResult(t.pid, ret)
	})
}

// signalRead makes a struct signalfd_siginfo of a siginfo_t; signalfd_copyinfo in
// fs/signalfd.c.
func signalRead(info []byte) []byte {
	out := make([]byte, sizeofSignal)
	copy(out[0:4], info[0:4])   // ssi_signo
	copy(out[4:8], info[4:8])   // ssi_errno
	copy(out[8:12], info[8:12]) // ssi_code
	sig, code := unix.Signal(binary.LittleEndian.Uint32(info)), int32(binary.LittleEndian.Uint32(info[siCode:]))
	word := func(to, from int) { copy(out[to:to+4], info[from:from+4]) }
	value := func() { // si_value
		word(44, siStatus)
		copy(out[48:56], info[siStatus:siStatus+8])
	}
	switch {
	case code == siTimer:
		word(24, siPID) // ssi_tid
		word(32, siUID) // ssi_overrun
		value()
	case sig == unix.SIGCHLD && code > 0 && code < siKernel:
		word(12, siPID)
		word(16, siUID)
		word(40, siStatus)
		copy(out[56:64], info[siUtime:])
		copy(out[64:72], info[siStime:])
	default:
		word(12, siPID)
		word(16, siUID)
		if code < 0 {
			value()
		}
	}
	return out
}
