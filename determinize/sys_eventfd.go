package determinize

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// The kernel's eventfds and epolls cannot be told apart: all have one inode. So those of
// the box are the engine's; what a descriptor leads to is an empty memfd, which stands for
// one. A box with any makes one call at a time.

// eventfd is a counter; eventfd(2).
type eventfd struct {
	count     uint64
	semaphore bool
	since     sched.Stamp // when it was last written to
	writes    uint64      // in all
	reads     uint64
}

// maxEvents is the greatest value of an eventfd.
const maxEvents = math.MaxUint64 - 1

// standIn gives a task a descriptor of a new memfd instead of what its call asks for, and
// calls made with its key.
func (e *engine) standIn(t *task, name string, flags uint64, made func(vfs.Key)) verdict {
	if v, wait := e.serially(t); wait {
		return v
	}
	const redZone = 128 // below the stack pointer, a leaf function's own
	text := append([]byte(name), 0)
	at := (t.call.SP - redZone - uint64(len(text))) &^ 15
	if e.tr.WriteFull(t.pid, at, text) != 0 {
		return fail(unix.ENOMEM)
	}
	create := uint64(0)
	if flags&unix.O_CLOEXEC != 0 {
		create = unix.MFD_CLOEXEC
	}
	e.setArg(t, 0, at)
	e.setArg(t, 1, create)
	e.tr.SetNr(t.pid, unix.SYS_MEMFD_CREATE)
	return runThen(func(ret int64) {
		var st unix.Stat_t
		if ret < 0 || e.statFD(t, int32(ret), &st) != 0 {
			return
		}
		made(vfs.KeyOf(&st))
		if local, errno := e.borrow(t, int32(ret)); errno == 0 {
			unix.FcntlInt(uintptr(local), unix.F_SETFL, unix.O_RDWR|int(flags&unix.O_NONBLOCK))
			unix.Close(local)
		}
	})
}

// eventfdEnter handles eventfd and eventfd2.
func eventfdEnter(e *engine, t *task) verdict {
	const semaphore = 1 // EFD_SEMAPHORE
	flags := uint64(0)
	if t.call.Nr == unix.SYS_EVENTFD2 {
		flags = uint64(uint32(t.arg(1)))
	}
	if flags&^(semaphore|unix.O_CLOEXEC|unix.O_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	ev := &eventfd{count: uint64(uint32(t.arg(0))), semaphore: flags&semaphore != 0, since: t.stamp()}
	return e.standIn(t, "eventfd", flags, func(k vfs.Key) { e.eventfds[k] = ev })
}

// readEvent reads a counter.
func (e *engine) readEvent(t *task, ev *eventfd) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if total < 8 {
		return fail(unix.EINVAL)
	}
	take := func() verdict {
		n := ev.count
		if ev.semaphore {
			n = 1
		}
		if _, errno := e.scatter(t, spans, binary.LittleEndian.AppendUint64(nil, n)); errno != 0 {
			return fail(errno)
		}
		ev.count -= n
		ev.reads++
		e.changes++
		return answer(8)
	}
	if ev.count > 0 {
		return take()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("an event (eventfd)"), e.everybody(t), func() (sched.Stamp, bool) { return ev.since, ev.count > 0 })
	v.then = take
	return v
}

// writeEvent adds to a counter.
func (e *engine) writeEvent(t *task, ev *eventfd) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if total < 8 {
		return fail(unix.EINVAL)
	}
	b, errno := e.gather(t, spans, 0, 8)
	if errno != 0 || len(b) < 8 {
		return fail(unix.EFAULT)
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxEvents {
		return fail(unix.EINVAL)
	}
	fits := func() bool { return n <= maxEvents-ev.count }
	add := func() verdict {
		ev.count += n
		ev.writes++
		ev.since = t.stamp()
		e.changes++
		return answer(8)
	}
	if fits() {
		return add()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("room in a counter (eventfd)"), e.everybody(t), func() (sched.Stamp, bool) { return ev.since, fits() })
	v.then = add
	return v
}

// waitsNot tells whether the descriptor that a call reads or writes is one that it does not
// wait for.
func (e *engine) waitsNot(t *task) bool {
	fl, errno := e.flags(t, t.fd(0))
	return errno != 0 || fl&unix.O_NONBLOCK != 0
}

// readyEvent is what can be done with a counter without waiting.
func (ev *eventfd) ready() (r int16) {
	if ev.count > 0 {
		r = pollIn
	}
	if ev.count < maxEvents {
		r |= pollOut
	}
	return r
}
