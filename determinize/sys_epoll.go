package determinize

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// epoll is a set of descriptors; epoll(7).
type epoll struct {
	items []*epollItem // who was reported last is last
}

// epollItem is a descriptor that an epoll waits for.
type epollItem struct {
	fd       int32
	key      vfs.Key // what it leads to: another file has taken its place where that differs
	events   uint32
	data     uint64
	told     [2]uint64 // of what went in and out when it was reported; edge-triggered
	disabled bool      // EPOLLONESHOT
}

// fresh is told by what was never reported.
const fresh = ^uint64(0)

// maxEpollDepth is how deep epolls can be nested; epoll_ctl(2).
const maxEpollDepth = 5

// epollCreateEnter handles epoll_create and epoll_create1.
func epollCreateEnter(e *engine, t *task) verdict {
	flags := uint64(uint32(t.arg(0)))
	if t.call.Nr == unix.SYS_EPOLL_CREATE {
		if t.fd(0) <= 0 {
			return fail(unix.EINVAL)
		}
		flags = 0
	}
	if flags&^unix.O_CLOEXEC != 0 {
		return fail(unix.EINVAL)
	}
	return e.standIn(t, "eventpoll", flags, func(k vfs.Key) { e.epolls[k] = &epoll{} })
}

// epollOf is the epoll that a descriptor leads to.
func (e *engine) epollOf(t *task, fd int32) (*epoll, unix.Errno) {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return nil, errno
	}
	if ep := e.epolls[vfs.KeyOf(&st)]; ep != nil {
		return ep, 0
	}
	return nil, unix.EINVAL
}

// epollCtlEnter handles epoll_ctl.
func epollCtlEnter(e *engine, t *task) verdict {
	ep, errno := e.epollOf(t, t.fd(0))
	var st unix.Stat_t
	k, errno2 := e.kindOf(t, t.fd(2), &st)
	switch {
	case errno != 0:
		return fail(errno)
	case errno2 != 0:
		return fail(errno2)
	case k == kindFile || k == kindDir:
		return fail(unix.EPERM)
	case e.epolls[vfs.KeyOf(&st)] == ep, k == kindEpoll && e.epollDepth(t, &st, 0) >= maxEpollDepth:
		return fail(unix.EINVAL)
	}
	i := slices.IndexFunc(ep.items, func(it *epollItem) bool { return it.fd == t.fd(2) && it.key == vfs.KeyOf(&st) })
	var b [12]byte
	if op := t.fd(1); op != unix.EPOLL_CTL_DEL && e.tr.ReadFull(t.pid, t.arg(3), b[:]) != 0 {
		return fail(unix.EFAULT)
	}
	item := &epollItem{
		fd: t.fd(2), key: vfs.KeyOf(&st), told: [2]uint64{fresh, fresh},
		events: binary.LittleEndian.Uint32(b[:]), data: binary.LittleEndian.Uint64(b[4:]),
	}
	switch t.fd(1) {
	case unix.EPOLL_CTL_ADD:
		if i >= 0 {
			return fail(unix.EEXIST)
		}
		ep.items = append(ep.items, item)
	case unix.EPOLL_CTL_MOD:
		if i < 0 {
			return fail(unix.ENOENT)
		}
		ep.items[i] = item
	case unix.EPOLL_CTL_DEL:
		if i < 0 {
			return fail(unix.ENOENT)
		}
		ep.items = slices.Delete(ep.items, i, i+1)
	default:
		return fail(unix.EINVAL)
	}
	e.changes++
	return answer(0)
}

// epollDepth is how many epolls lie below one another, at most maxEpollDepth.
func (e *engine) epollDepth(t *task, st *unix.Stat_t, above int) int {
	ep := e.epolls[vfs.KeyOf(st)]
	if ep == nil || above >= maxEpollDepth {
		return above
	}
	deepest := above + 1
	for _, it := range ep.items {
		if e.epolls[it.key] != nil {
			deepest = max(deepest, e.epollDepth(t, &unix.Stat_t{Dev: it.key.Dev, Ino: it.key.Ino}, above+1))
		}
	}
	return deepest
}

// report is an item that is ready, with its events.
type report struct {
	item   *epollItem
	events uint32
	told   [2]uint64
}

// epollAsks are the descriptors of an epoll's items, with what may be reported of them, and
// what has moved.
func (e *engine) epollAsks(t *task, ep *epoll) (asked []polled, of []report) {
	set := waitSet{fds: make([]unix.PollFd, len(ep.items))}
	for i, it := range ep.items {
		set.fds[i] = unix.PollFd{Fd: it.fd, Events: int16(it.events)}
	}
	all := e.lookUp(t, &set)
	for i, it := range ep.items {
		p := &all[i]
		told := e.moved(p)
		edge := it.events&unix.EPOLLET != 0
		if it.disabled || p.bad || vfs.KeyOf(&p.st) != it.key || edge && told == it.told {
			continue
		}
		if edge && told[0] == it.told[0] {
			p.asked &^= pollIn
		}
		if edge && told[1] == it.told[1] {
			p.asked &^= pollOut
		}
		asked, of = append(asked, *p), append(of, report{item: it, told: told})
	}
	return asked, of
}

// epollReady are the items of an epoll that have something to report.
func (e *engine) epollReady(t *task, ep *epoll) (all []report) {
	asked, of := e.epollAsks(t, ep)
	for i := range asked {
		r := of[i]
		r.events = uint32(uint16(e.ready(t, &asked[i]) & (asked[i].asked | unix.POLLERR | unix.POLLHUP)))
		if r.events != 0 {
			all = append(all, r)
		}
	}
	return all
}

// epollEvent is since when an epoll has something to report.
func (e *engine) epollEvent(t *task, ep *epoll) (sched.Stamp, bool) {
	asked, _ := e.epollAsks(t, ep)
	return e.pollEvent(t, asked)
}

// moved counts what has gone into what a descriptor leads to, and out of it.
func (e *engine) moved(p *polled) [2]uint64 {
	if ev := e.eventfds[vfs.KeyOf(&p.st)]; ev != nil {
		return [2]uint64{ev.writes, ev.reads}
	}
	if p.pipe != nil {
		return [2]uint64{p.pipe.sent + p.pipe.drops, p.pipe.taken + p.pipe.drops}
	}
	return [2]uint64{}
}

// epollWaitEnter handles epoll_wait, epoll_pwait and epoll_pwait2.
func epollWaitEnter(e *engine, t *task) verdict {
	ep, errno := e.epollOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	most := t.fd(2)
	if most <= 0 || most > 1<<20 {
		return fail(unix.EINVAL)
	}
	var set waitSet
	if t.call.Nr == unix.SYS_EPOLL_PWAIT2 {
		if errno := e.timeoutAt(t, &set, t.arg(3)); errno != 0 {
			return fail(errno)
		}
	} else {
		ms := t.fd(3)
		set.setTimeout(t, ms < 0, int64(ms)*int64(time.Millisecond))
	}
	if t.call.Nr != unix.SYS_EPOLL_WAIT {
		if errno := e.maskArg(t, t.arg(4), t.arg(5)); errno != 0 {
			return fail(errno)
		}
	}
	tell := func() verdict { return e.epollTell(t, ep, int(most)) }
	if len(e.epollReady(t, ep)) > 0 || set.forNow {
		return tell()
	}
	v := block(saying("a descriptor (epoll)"), e.everybody(t), func() (sched.Stamp, bool) { return e.epollEvent(t, ep) })
	v.then = tell
	if !set.never {
		v.wake = t.wakeAt(set.until)
		v.timeUp = func() verdict {
			t.clk.SleepUntil(set.until)
			return tell()
		}
	}
	v.broken = func() verdict {
		t.clk.Join(t.sender)
		if !t.masked {
			return e.interrupt(t, -int64(unix.EINTR)) // never made again: signal(7)
		}
		// As ppoll of nothing, the kernel finds the signal under the call's own mask.
		e.tr.SetNr(t.pid, unix.SYS_PPOLL)
		mask := t.arg(4)
		for i := range 3 {
			e.setArg(t, i, 0)
		}
		e.setArg(t, 3, mask)
		e.setArg(t, 4, 8)
		return run()
	}
	return v
}

// epollTell tells a task what is ready.
func (e *engine) epollTell(t *task, ep *epoll, most int) verdict {
	all := e.epollReady(t, ep)
	all = all[:min(len(all), most)]
	var b []byte
	for _, r := range all {
		b = binary.LittleEndian.AppendUint32(b, r.events)
		b = binary.LittleEndian.AppendUint64(b, r.item.data)
	}
	if len(b) > 0 && e.tr.WriteFull(t.pid, t.arg(1), b) != 0 {
		return fail(unix.EFAULT)
	}
	for _, r := range all {
		r.item.told = r.told
		r.item.disabled = r.item.events&unix.EPOLLONESHOT != 0
		// Others get their turn first the next time.
		i := slices.Index(ep.items, r.item)
		ep.items = append(slices.Delete(ep.items, i, i+1), r.item)
	}
	return answer(int64(len(all)))
}
