package determinize

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// eventfd is a counter; eventfd(2).
type eventfd struct {
	key       vfs.Key
	count     uint64
	semaphore bool
	at        sched.Stamp // when it was last read or written to
	carried               // by those who wrote to it
}

// maxEvents is the greatest value of an eventfd.
const maxEvents = math.MaxUint64 - 1

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
	ev := &eventfd{count: uint64(uint32(t.arg(0))), semaphore: flags&semaphore != 0}
	return e.standIn(t, flags, func(k vfs.Key) object {
		ev.key, ev.at = k, t.stamp()
		ev.from(t)
		return ev
	})
}

func (ev *eventfd) title() string  { return "[eventfd]" }
func (ev *eventfd) closed(*engine) {}

// eightBytes is where a call that reads or writes a counter has it; EINVAL if there is too
// little room.
func (e *engine) eightBytes(t *task) ([]span, unix.Errno) {
	spans, total, errno := e.rwSpans(t)
	if errno == 0 && total < 8 {
		errno = unix.EINVAL
	}
	return spans, errno
}

// read gives all of the counter, or 1 of a semaphore.
func (ev *eventfd) read(e *engine, t *task) verdict {
	spans, errno := e.eightBytes(t)
	if errno != 0 {
		return fail(errno)
	}
	take := func() verdict {
		n := ev.count
		if ev.semaphore {
			n = 1
		}
		if _, errno := e.scatter(t, spans, binary.LittleEndian.AppendUint64(nil, n)); errno != 0 {
			return fail(errno)
		}
		ev.to(t)
		ev.count -= n
		ev.at = t.stamp()
		e.notify(ev.key, unix.POLLOUT)
		return answer(8)
	}
	if ev.count > 0 {
		return take()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("an event (eventfd)"), e.everybody(t), func() (sched.Stamp, bool) { return ev.at, ev.count > 0 })
	v.then = take
	return v
}

// write adds to the counter.
func (ev *eventfd) write(e *engine, t *task) verdict {
	spans, errno := e.eightBytes(t)
	if errno != 0 {
		return fail(errno)
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
		ev.at = t.stamp()
		ev.from(t)
		e.notify(ev.key, unix.POLLIN)
		return answer(8)
	}
	if fits() {
		return add()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("room in a counter (eventfd)"), e.everybody(t), func() (sched.Stamp, bool) { return ev.at, fits() })
	v.then = add
	return v
}

func (ev *eventfd) ready(*engine, *task) (r int16) {
	if ev.count > 0 {
		r = unix.POLLIN
	}
	if ev.count < maxEvents {
		r |= unix.POLLOUT
	}
	return r
}

func (ev *eventfd) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	return ev.at, ev.ready(e, t)&asked != 0
}
