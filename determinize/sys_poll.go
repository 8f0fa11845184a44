package determinize

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// waitSet is what a poll or select call waits for.
type waitSet struct {
	fds    []unix.PollFd
	never  bool  // no timeout
	until  int64 // deadline, on the task's clock
	forNow bool  // timeout of zero

	// Where what is left of the timeout goes, or 0: a struct timespec, or timeval.
	left    uint64
	timeval bool
}

// pollEnter handles poll and ppoll.
func pollEnter(e *engine, t *task) verdict {
	n := t.arg(1)
	if n > 1<<16 {
		return fail(unix.EINVAL)
	}
	fds := make([]unix.PollFd, n)
	raw := make([]byte, 8*n)
	if e.tr.ReadFull(t.pid, t.arg(0), raw) != 0 {
		return fail(unix.EFAULT)
	}
	for i := range fds {
		fds[i].Fd = int32(binary.LittleEndian.Uint32(raw[8*i:]))
		fds[i].Events = int16(binary.LittleEndian.Uint16(raw[8*i+4:]))
	}
	set := waitSet{fds: fds}
	if t.call.Nr == unix.SYS_POLL {
		ms := t.fd(2)
		set.setTimeout(t, ms < 0, int64(ms)*int64(time.Millisecond))
	} else {
		if errno := e.timeoutAt(t, &set, t.arg(2)); errno != 0 {
			return fail(errno)
		}
		if errno := e.maskArg(t, t.arg(3), t.arg(4)); errno != 0 {
			return fail(errno)
		}
	}
	return e.poll(t, set, func() int64 {
		count := int64(0)
		for i, p := range set.fds {
			binary.LittleEndian.PutUint16(raw[8*i+6:], uint16(p.Revents))
			if p.Revents != 0 {
				count++
			}
		}
		if e.tr.WriteFull(t.pid, t.arg(0), raw) != 0 {
			return -int64(unix.EFAULT)
		}
		return count
	})
}

func (s *waitSet) setTimeout(t *task, never bool, ns int64) {
	s.never, s.forNow = never, ns == 0 && !never
	s.until = t.clk.Now() + min(ns, forever)
}

// timeoutAt reads a timeout that is a struct timespec, or none. What is left of it
// will be told at the same place.
func (e *engine) timeoutAt(t *task, s *waitSet, addr uint64) unix.Errno {
	s.left = addr
	if addr == 0 {
		s.setTimeout(t, true, 0)
		return 0
	}
	ns, errno := e.readTimespec(t, addr)
	s.setTimeout(t, false, ns)
	return errno
}

// maskArg puts a signal mask argument in force for the time of the wait.
func (e *engine) maskArg(t *task, addr, size uint64) unix.Errno {
	if addr == 0 {
		return 0
	}
	mask, errno := e.readMask(t, addr, size)
	if errno == 0 {
		t.mask, t.masked, t.raised = mask, true, true
	}
	return errno
}

// selectEnter handles select and pselect6.
func selectEnter(e *engine, t *task) verdict {
	n := int(t.fd(0))
	if n < 0 {
		return fail(unix.EINVAL)
	}
	n = min(n, 1<<16)
	size := (n + 63) / 64 * 8
	var sets [3][]byte
	for i := range sets {
		if a := t.arg(1 + i); a != 0 {
			sets[i] = make([]byte, size)
			if e.tr.ReadFull(t.pid, a, sets[i]) != 0 {
				return fail(unix.EFAULT)
			}
		}
	}
	// What select calls readable, writable, exceptional; fs/select.c.
	in := [3]int16{unix.POLLIN, unix.POLLOUT, unix.POLLPRI}
	out := [3]int16{unix.POLLIN | unix.POLLHUP | unix.POLLERR, unix.POLLOUT | unix.POLLERR, unix.POLLPRI}
	var set waitSet
	for fd := range n {
		var ev int16
		for i, s := range sets {
			if s != nil && s[fd/8]&(1<<(fd%8)) != 0 {
				ev |= in[i]
			}
		}
		if ev != 0 {
			var st unix.Stat_t
			if fl, errno := e.flags(t, int32(fd)); errno != 0 || fl&unix.O_PATH != 0 || e.statFD(t, int32(fd), &st) != 0 {
				return fail(unix.EBADF)
			}
			set.fds = append(set.fds, unix.PollFd{Fd: int32(fd), Events: ev})
		}
	}
	if t.call.Nr == unix.SYS_SELECT {
		if a := t.arg(4); a == 0 {
			set.setTimeout(t, true, 0)
		} else {
			var tv unix.Timeval
			if e.tr.ReadFull(t.pid, a, bytesOf(&tv)) != 0 {
				return fail(unix.EFAULT)
			}
			if tv.Sec < 0 || tv.Usec < 0 {
				return fail(unix.EINVAL)
			}
			set.setTimeout(t, false, saturate(tv.Sec, min(tv.Usec, forever/1000)*1000))
			set.left, set.timeval = a, true
		}
	} else {
		if errno := e.timeoutAt(t, &set, t.arg(4)); errno != 0 {
			return fail(errno)
		}
		if a := t.arg(5); a != 0 {
			var m [2]uint64
			if e.tr.ReadFull(t.pid, a, bytesOf(&m)) != 0 {
				return fail(unix.EFAULT)
			}
			if errno := e.maskArg(t, m[0], m[1]); errno != 0 {
				return fail(errno)
			}
		}
	}
	return e.poll(t, set, func() int64 {
		count := int64(0)
		for i := range sets {
			clear(sets[i])
		}
		for _, p := range set.fds {
			for i, s := range sets {
				if s != nil && p.Events&in[i] != 0 && p.Revents&out[i] != 0 {
					s[p.Fd/8] |= 1 << (p.Fd % 8)
					count++
				}
			}
		}
		for i, s := range sets {
			if s != nil && e.tr.WriteFull(t.pid, t.arg(1+i), s) != 0 {
				return -int64(unix.EFAULT)
			}
		}
		return count
	})
}

// tellLeft tells the guest what is left of a timeout.
func (e *engine) tellLeft(t *task, s *waitSet) {
	ns := max(s.until-t.clk.Now(), 0)
	switch {
	case s.left == 0 || s.never || s.forNow:
	case s.timeval:
		left := unix.NsecToTimeval(ns)
		e.tr.WriteFull(t.pid, s.left, bytesOf(&left))
	default:
		left := unix.NsecToTimespec(ns)
		e.tr.WriteFull(t.pid, s.left, bytesOf(&left))
	}
}

// poll waits for a set. finish writes the answer to the guest and returns the
// call's result.
func (e *engine) poll(t *task, set waitSet, finish func() int64) verdict {
	all := e.lookUp(t, &set)
	if v, wait := e.order(t, e.pollScope(t, all)); wait {
		return v
	}
	return e.reached(t, func() verdict { return e.pollNow(t, set, all, finish) })
}

// pollNow is poll once it is its turn.
func (e *engine) pollNow(t *task, set waitSet, all []polled, finish func() int64) verdict {
	end := func() verdict {
		e.tellLeft(t, &set)
		return answer(finish())
	}
	if e.pollReady(t, &set, all) {
		return end()
	}
	if set.forNow {
		return answer(finish())
	}
	v := block(e.pollName(t, all), e.pollScope(t, all), func() (sched.Stamp, bool) { return e.pollEvent(t, all) })
	v.then = func() verdict {
		e.pollReady(t, &set, all)
		return end()
	}
	v.alarm = timersOfAll(e, all)
	v.input = slices.ContainsFunc(all, func(p polled) bool { return p.outside() })
	if !set.never {
		v.wake = t.wakeAt(set.until)
		v.timeUp = func() verdict {
			t.clk.SleepUntil(set.until)
			return end()
		}
	}
	v.broken = func() verdict {
		t.clk.Join(t.sender)
		e.tellLeft(t, &set)
		if t.masked {
			// The kernel waits for nothing, finds the signal under the call's
			// own mask, and restores the mask after its handler. It is not given
			// the timeout, of which it would tell what is left by the host's clock.
			switch t.call.Nr {
			case unix.SYS_PPOLL:
				e.setArg(t, 1, 0)
				e.setArg(t, 2, 0)
			case unix.SYS_PSELECT6:
				for i := range 5 {
					e.setArg(t, i, 0)
				}
			}
			return run()
		}
		if set.left == 0 {
			return e.resumable(t, func() verdict { return e.poll(t, set, finish) })
		}
		return e.interrupt(t, restartNoHand)
	}
	return v
}

// polled is a descriptor that is polled.
type polled struct {
	fd    int32
	asked int16
	kind  kind
	st    unix.Stat_t
	bad   bool // there is no such descriptor
	flags int
	pipe  *pipe // if it leads to one of the box's

	object pollable // if it leads to one of the engine's, or to a socket
}

// outside tells whether what is polled may be ready because of what is done outside.
func (p *polled) outside() bool { return p.kind == kindTTY || p.kind == kindPipe && p.pipe == nil }

// lookUp looks at the descriptors of a set.
func (e *engine) lookUp(t *task, set *waitSet) []polled {
	all := make([]polled, len(set.fds))
	for i, f := range set.fds {
		p := &all[i]
		p.fd, p.asked = f.Fd, f.Events
		if f.Fd < 0 {
			continue
		}
		var errno, errno2 unix.Errno
		p.kind, errno = e.kindOf(t, f.Fd, &p.st)
		p.flags, errno2 = e.flags(t, f.Fd)
		p.bad = errno != 0 || errno2 != 0 || p.flags&unix.O_PATH != 0 || p.kind == kindUnknown
		if k := vfs.KeyOf(&p.st); !p.bad && p.kind == kindPipe && !e.outer(k) {
			p.pipe = e.pipeOf(t, k)
		} else if !p.bad && p.kind == kindObject {
			p.object = e.objects[k]
		} else if !p.bad && p.kind == kindSocket {
			p.object = e.socketTable[k]
		}
	}
	return all
}

// timersOfAll returns what tells when the next of the timers expires that a set has.
func timersOfAll(e *engine, all []polled) func() (int64, bool) {
	var objects []pollable
	for i := range all {
		if all[i].object != nil {
			objects = append(objects, all[i].object)
		}
	}
	if objects == nil {
		return nil
	}
	return func() (int64, bool) { return e.timersOf(objects...) }
}

// pollScope is who can change what a poll finds.
func (e *engine) pollScope(t *task, all []polled) sched.Scope {
	for i := range all {
		p := &all[i]
		if _, ok := p.object.(*pidfd); ok || p.kind == kindTTY || p.kind == kindSocket || p.kind == kindPipe && p.pipe == nil && e.outs[vfs.KeyOf(&p.st)] == nil || p.pipe != nil && p.pipe.named {
			return e.everybody(t)
		}
	}
	return func(visit func(*sched.Task)) {
		for i := range all {
			if p := all[i].pipe; p != nil {
				p.Others(t.hand(), sched.Reads|sched.Writes)(visit)
			}
		}
	}
}

// pollName is what a poll or select waits for, as a user is told.
func (e *engine) pollName(t *task, all []polled) func() string {
	return func() string {
		for i := range all {
			if p := &all[i]; !p.bad && p.kind == kindTTY && p.asked&unix.POLLIN != 0 {
				return "a poll or select of " + e.terminalName(t, &p.st)
			}
		}
		return "a poll or select"
	}
}

// pollReady fills in what is ready at the time of the task's call, and tells whether
// anything is.
func (e *engine) pollReady(t *task, set *waitSet, all []polled) bool {
	any := false
	for i := range set.fds {
		p := &set.fds[i]
		p.Revents = 0
		if p.Fd >= 0 {
			p.Revents = e.ready(t, &all[i]) & (p.Events | unix.POLLERR | unix.POLLHUP | unix.POLLNVAL)
		}
		any = any || p.Revents != 0
		if p.Revents != 0 {
			e.learns(t, &all[i], p.Revents)
		}
	}
	return any
}

// learns has a task that is told of what is ready come after what made it so.
func (e *engine) learns(t *task, p *polled, events int16) {
	if pd, ok := p.object.(*pidfd); ok {
		t.clk.Past.Join(&pd.of.leader.clk.Past)
	}
	if p.pipe == nil {
		return
	}
	if w := p.pipe.First(); w != nil && events&pollIn != 0 {
		t.clk.Past.Join(&w.Edge.Past)
	}
	if events&unix.POLLHUP != 0 {
		t.clk.Past.Follow(&p.pipe.closed[1])
	}
	if events&unix.POLLERR != 0 {
		t.clk.Past.Follow(&p.pipe.closed[0])
	}
}

// pollEvent is since when something is ready.
func (e *engine) pollEvent(t *task, all []polled) (at sched.Stamp, ok bool) {
	note := func(a sched.Stamp, is bool) {
		if is && (!ok || a.Before(at)) {
			at, ok = a, true
		}
	}
	for i := range all {
		p := &all[i]
		ends := endsOf(p.flags)
		switch {
		case p.fd < 0:
		case p.object != nil:
			note(p.object.since(e, t, p.asked|unix.POLLERR|unix.POLLHUP))
		case p.pipe == nil:
			note(sched.Stamp{}, e.ready(t, p)&(p.asked|unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0)
		default:
			if ends&sched.Reads != 0 {
				if p.asked&pollIn != 0 && p.pipe.First() != nil {
					note(p.pipe.Readable())
				}
				a, gone := p.pipe.Released(sched.Writes)
				note(a, gone && p.pipe.HasBeen(sched.Writes))
			}
			if ends&sched.Writes != 0 {
				if p.asked&pollOut != 0 {
					note(p.pipe.Fits(sched.Atomic))
				}
				note(p.pipe.Released(sched.Reads))
			}
		}
	}
	return at, ok
}

const (
	pollIn  = unix.POLLIN | 0x40   // POLLRDNORM
	pollOut = unix.POLLOUT | 0x100 // POLLWRNORM
)

// ready is what can be done with a descriptor without waiting; poll(2).
func (e *engine) ready(t *task, p *polled) int16 {
	if p.bad {
		return unix.POLLNVAL
	}
	switch p.kind {
	case kindPipe:
		e.looksAtPipe(t, p.pipe, endsOf(p.flags))
	case kindSocket:
		if s, ok := p.object.(*socket); ok {
			e.usesSocket(t, s)
		}
		return p.object.ready(e, t)
	case kindObject:
		e.inheritedBy(t, p.fd, "it waits for something that it has inherited")
		return p.object.ready(e, t)
	case kindTTY:
		local, errno := e.borrow(t, p.fd)
		if errno != 0 {
			return unix.POLLNVAL
		}
		defer unix.Close(local)
		fds := []unix.PollFd{{Fd: int32(local), Events: pollIn}}
		unix.Poll(fds, 0)
		if p.asked&pollIn != 0 {
			if fds[0].Revents&pollIn == 0 && e.terminalReadable(t, p.fd, &p.st) {
				fds[0].Revents |= pollIn
			}
			if e.earFD() >= 0 && e.ttyKindOf(t, &p.st) == ttyOurs {
				e.heard("terminal")
			}
		}
		// Output is taken as fast as it comes: whether it has been yet is not told.
		return fds[0].Revents | pollOut
	default:
		return pollIn | pollOut
	}
	ends := endsOf(p.flags)
	if p.pipe == nil { // a stream of the box
		return e.streamReady(vfs.KeyOf(&p.st), ends)
	}
	var r int16
	now := t.stamp()
	if ends&sched.Reads != 0 {
		if w := p.pipe.First(); w != nil && p.pipe.Len(now) > 0 {
			r |= pollIn
		}
		if at, gone := p.pipe.Released(sched.Writes); gone && at.Before(now) && p.pipe.HasBeen(sched.Writes) {
			r |= unix.POLLHUP
		}
	}
	if ends&sched.Writes != 0 {
		if at, gone := p.pipe.Released(sched.Reads); gone && at.Before(now) {
			r |= pollOut | unix.POLLERR
		} else if p.pipe.Room(now) >= sched.Atomic {
			r |= pollOut
		}
	}
	return r
}
