package determinize

import (
	"encoding/binary"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// sizeofEpollEvent is the size of struct epoll_event, which is packed on x86-64.
const sizeofEpollEvent = 12

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
	return e.standIn(t, flags, func(k vfs.Key) object {
		return &epoll{key: k, items: make(map[epollKey]*epollItem)}
	})
}

// epollOf is the epoll that a descriptor leads to.
func (e *engine) epollOf(t *task, fd int32) (*epoll, unix.Errno) {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return nil, errno
	}
	if ep, ok := e.objects[vfs.KeyOf(&st)].(*epoll); ok {
		return ep, 0
	}
	return nil, unix.EINVAL
}

// epollCtlEnter handles epoll_ctl.
func epollCtlEnter(e *engine, t *task) verdict {
	op, fd := t.fd(1), t.fd(2)
	var b [sizeofEpollEvent]byte
	if op != unix.EPOLL_CTL_DEL && e.tr.ReadFull(t.pid, t.arg(3), b[:]) != 0 {
		return fail(unix.EFAULT)
	}
	events, data := binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint64(b[4:])
	ep, errno := e.epollOf(t, t.fd(0))
	if errno == unix.EBADF {
		return fail(errno)
	}
	what := e.lookUp(t, &waitSet{fds: []unix.PollFd{{Fd: fd, Events: int16(events) | unix.POLLERR | unix.POLLHUP}}})[0]
	target, _ := what.object.(*epoll)
	switch {
	case what.st == (unix.Stat_t{}) || what.flags&unix.O_PATH != 0:
		return fail(unix.EBADF)
	case !what.pollable():
		return fail(unix.EPERM)
	case errno != 0 || target == ep:
		return fail(unix.EINVAL)
	}
	const exclusive = unix.EPOLLEXCLUSIVE
	const withExclusive = exclusive | unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP | unix.EPOLLET | unix.EPOLLWAKEUP
	if op != unix.EPOLL_CTL_DEL && events&exclusive != 0 && (op == unix.EPOLL_CTL_MOD || target != nil || events&^withExclusive != 0) {
		return fail(unix.EINVAL)
	}
	if op == unix.EPOLL_CTL_ADD && target != nil && e.tooDeep(ep, target) {
		return fail(unix.ELOOP)
	}
	key := epollKey{fd: fd, file: vfs.KeyOf(&what.st), mode: what.flags & unix.O_ACCMODE}
	it := ep.items[key]
	switch op {
	case unix.EPOLL_CTL_ADD:
		if it != nil {
			return fail(unix.EEXIST)
		}
		if e.watched >= maxWatched {
			return fail(unix.ENOSPC)
		}
		e.watch(t, &epollItem{epollKey: key, in: ep, what: what, events: events, data: data})
		if ep.ready(e, t) != 0 {
			e.notify(ep.key, pollIn)
		}
	case unix.EPOLL_CTL_MOD:
		switch {
		case it == nil:
			return fail(unix.ENOENT)
		case it.events&exclusive != 0:
			return fail(unix.EINVAL)
		}
		it.what, it.events, it.data, it.disabled, it.told = what, events, data, false, 0
		e.listIfReady(t, it)
		if ep.ready(e, t) != 0 {
			e.notify(ep.key, pollIn)
		}
	case unix.EPOLL_CTL_DEL:
		if it == nil {
			return fail(unix.ENOENT)
		}
		e.forgetItem(it)
	default:
		return fail(unix.EINVAL)
	}
	e.changes++
	return answer(0)
}

// epollWaitEnter handles epoll_wait, epoll_pwait and epoll_pwait2.
func epollWaitEnter(e *engine, t *task) verdict {
	most := t.fd(2)
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
	ep, errno := e.epollOf(t, t.fd(0))
	switch {
	case errno != 0:
		return fail(errno)
	case most <= 0 || most > math.MaxInt32/sizeofEpollEvent:
		return fail(unix.EINVAL)
	}
	return e.reached(t, func() verdict { return e.epollWait(t, ep, int(most), &set) })
}

// epollWait waits for an epoll, once it is its turn.
func (e *engine) epollWait(t *task, ep *epoll, most int, set *waitSet) verdict {
	tell := func() verdict { return e.epollTell(t, ep, most) }
	if ep.ready(e, t) != 0 || set.forNow {
		return tell()
	}
	v := block(saying("a descriptor (epoll)"), e.everybody(t), func() (sched.Stamp, bool) { return ep.since(e, t, pollIn) })
	v.then = tell
	v.alarm = func() (int64, bool) { return e.timersOf(ep) }
	for _, it := range ep.items {
		v.input = v.input || it.what.outside()
	}
	if !set.never {
		v.wake = t.wakeAt(set.until)
		v.timeUp = func() verdict {
			t.clk.SleepUntil(set.until)
			return tell()
		}
	}
	v.broken = func() verdict { return e.epollBroken(t) }
	return v
}

// epollBroken ends a wait because of a signal. It is never made again: signal(7).
func (e *engine) epollBroken(t *task) verdict {
	t.clk.Join(t.sender)
	if !t.masked {
		return e.interrupt(t, -int64(unix.EINTR))
	}
	// As ppoll of nothing, the kernel finds the signal under the call's own mask, and
	// restores the mask after its handler.
	mask := t.arg(4)
	e.tr.SetNr(t.pid, unix.SYS_PPOLL)
	for i, v := range [...]uint64{0, 0, 0, mask, 8} {
		e.setArg(t, i, v)
	}
	return runThen(func(ret int64) {
		if ret == restartNoHand && !t.brokenOff {
			e.tr.SetResult(t.pid, -int64(unix.EINTR))
		}
	})
}

// epollTell tells a task what is ready.
func (e *engine) epollTell(t *task, ep *epoll, most int) verdict {
	n := 0
	if !ep.report(e, t, most, func(items []*epollItem, events []int16) bool {
		var b []byte
		for i, it := range items {
			b = binary.LittleEndian.AppendUint32(b, uint32(uint16(events[i])))
			b = binary.LittleEndian.AppendUint64(b, it.data)
		}
		n = len(items)
		return n == 0 || e.tr.WriteFull(t.pid, t.arg(1), b) == 0
	}) {
		return fail(unix.EFAULT)
	}
	return answer(int64(n))
}
