package determinize

import (
	"cmp"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// timerfd is a timer that a descriptor leads to; timerfd_create(2). It goes by the clock of
// whoever looks at it: it has expired for all when it has for the first of them.
type timerfd struct {
	timer
	key     vfs.Key
	made    uint64      // the order in which they were made
	count   uint64      // expirations that nobody has read
	at      sched.Stamp // when it last expired, or was set or read
	carried             // by who found that it has expired
}

// timerfdCreateEnter handles timerfd_create.
func timerfdCreateEnter(e *engine, t *task) verdict {
	flags := uint64(uint32(t.arg(1)))
	if flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	offset, cpu, errno := e.clockOffset(t, t.fd(0))
	switch {
	case errno == unix.EPERM:
		return fail(errno)
	case errno != 0, cpu, t.fd(0) == unix.CLOCK_TAI:
		return fail(unix.EINVAL)
	}
	f := &timerfd{timer: timer{posix: true, notify: notifyNone, offset: offset}}
	return e.standIn(t, flags, func(k vfs.Key) object {
		e.changes++
		f.key, f.at, f.made = k, t.stamp(), e.changes
		return f
	})
}

func (f *timerfd) title() string  { return "[timerfd]" }
func (f *timerfd) closed(*engine) {}

// tick has a timer expire as often as it has by a task's clock.
func (f *timerfd) tick(e *engine, t *task) {
	now := t.clk.Now()
	if f.next == 0 || now < f.next {
		return
	}
	f.count += uint64(f.again(now)) + 1
	f.at = t.stamp()
	f.from(t)
	e.notify(f.key, unix.POLLIN)
}

// read gives the number of expirations.
func (f *timerfd) read(e *engine, t *task) verdict {
	spans, errno := e.eightBytes(t)
	if errno != 0 {
		return fail(errno)
	}
	take := func() verdict {
		if _, errno := e.scatter(t, spans, binary.LittleEndian.AppendUint64(nil, f.count)); errno != 0 {
			return fail(errno)
		}
		f.to(t)
		f.count, f.at = 0, t.stamp()
		e.changes++
		return answer(8)
	}
	if f.tick(e, t); f.count > 0 {
		return take()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("a timer (timerfd)"), e.everybody(t), func() (sched.Stamp, bool) { return f.since(e, t, unix.POLLIN) })
	v.then = take
	v.alarm = func() (int64, bool) { return f.next, f.next != 0 }
	return v
}

func (f *timerfd) write(*engine, *task) verdict { return fail(unix.EINVAL) }

func (f *timerfd) ready(e *engine, t *task) int16 {
	if f.tick(e, t); f.count > 0 {
		return unix.POLLIN
	}
	return 0
}

func (f *timerfd) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	ready := f.ready(e, t)
	return f.at, ready&asked != 0
}

// timerfdOf is the timer that a descriptor leads to.
func (e *engine) timerfdOf(t *task, fd int32) (*timerfd, unix.Errno) {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return nil, errno
	}
	if f, ok := e.objects[vfs.KeyOf(&st)].(*timerfd); ok {
		f.tick(e, t)
		return f, 0
	}
	return nil, unix.EINVAL
}

// timerfdSettimeEnter handles timerfd_settime. Nobody sets a box's clocks, so that
// TFD_TIMER_CANCEL_ON_SET has no effect.
func timerfdSettimeEnter(e *engine, t *task) verdict {
	const absolute, cancel = 1, 2
	interval, first, errno := e.readItimerspec(t, t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	if t.arg(1)&^(absolute|cancel) != 0 {
		return fail(unix.EINVAL)
	}
	f, errno := e.timerfdOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	was := itimerspec(f.interval, f.left(t))
	f.arm(t, first, interval, t.arg(1)&absolute != 0)
	f.count, f.at, f.carried = 0, t.stamp(), carried{}
	f.from(t)
	e.changes++
	if t.arg(3) == 0 {
		return answer(0)
	}
	return e.put(t, t.arg(3), was)
}

// timerfdGettimeEnter handles timerfd_gettime.
func timerfdGettimeEnter(e *engine, t *task) verdict {
	f, errno := e.timerfdOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	return e.put(t, t.arg(1), itimerspec(f.interval, f.left(t)))
}

// timersIn adds the timers that an object is, or that are in an epoll.
func (e *engine) timersIn(o pollable, all []*timerfd) []*timerfd {
	switch o := o.(type) {
	case *timerfd:
		if o.next != 0 && !slices.Contains(all, o) {
			all = append(all, o)
		}
	case *epoll:
		for key, it := range o.items {
			if !it.disabled {
				all = e.timersIn(e.objects[key.file], all)
			}
		}
	}
	return all
}

// tickAll has those timers in an epoll expire that have by a task's clock, in the order of their times.
func (e *engine) tickAll(t *task, ep *epoll) {
	all := e.timersIn(ep, nil)
	slices.SortFunc(all, func(a, b *timerfd) int {
		return cmp.Or(cmp.Compare(a.next, b.next), cmp.Compare(a.made, b.made))
	})
	for _, f := range all {
		f.tick(e, t)
	}
}

// timersOf is when the next of the timers expires that are in some objects.
func (e *engine) timersOf(objects ...pollable) (deadline int64, ok bool) {
	var all []*timerfd
	for _, o := range objects {
		all = e.timersIn(o, all)
	}
	for _, f := range all {
		if !ok || f.next < deadline {
			deadline, ok = f.next, true
		}
	}
	return deadline, ok
}
