package determinize

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

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
	if v, wait := e.order(t); wait {
		return v
	}
	end := func() verdict {
		e.tellLeft(t, &set)
		return answer(finish())
	}
	if e.pollReady(t, &set) {
		return end()
	}
	if set.forNow {
		return answer(finish())
	}
	v := block(e.pollName(t, &set), func() bool { return e.pollReady(t, &set) })
	v.then = func() verdict {
		e.pollReady(t, &set)
		return end()
	}
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

// pollName is what a poll or select waits for, as a user is told.
func (e *engine) pollName(t *task, set *waitSet) string {
	for _, p := range set.fds {
		var st unix.Stat_t
		if k, errno := e.kindOf(t, p.Fd, &st); errno == 0 && k == kindTTY && p.Events&unix.POLLIN != 0 {
			return "a poll or select of " + e.terminalName(t, &st)
		}
	}
	return "a poll or select"
}

// pollReady fills in what is ready, and tells whether anything is.
func (e *engine) pollReady(t *task, set *waitSet) bool {
	any := false
	for i := range set.fds {
		p := &set.fds[i]
		p.Revents = 0
		if p.Fd >= 0 {
			p.Revents = e.ready(t, p.Fd, p.Events) & (p.Events | unix.POLLERR | unix.POLLHUP | unix.POLLNVAL)
		}
		any = any || p.Revents != 0
	}
	return any
}

// ready is what can be done, of what is asked for, with a descriptor without
// waiting; poll(2).
func (e *engine) ready(t *task, fd int32, asked int16) int16 {
	const (
		in  = unix.POLLIN | 0x40   // POLLRDNORM
		out = unix.POLLOUT | 0x100 // POLLWRNORM
	)
	var st unix.Stat_t
	k, errno := e.kindOf(t, fd, &st)
	if errno != 0 {
		return unix.POLLNVAL
	}
	fl, errno := e.flags(t, fd)
	if errno != 0 || fl&unix.O_PATH != 0 {
		return unix.POLLNVAL
	}
	switch k {
	case kindPipe:
	case kindTTY:
		local, errno := e.borrow(t, fd)
		if errno != 0 {
			return unix.POLLNVAL
		}
		defer unix.Close(local)
		p := []unix.PollFd{{Fd: int32(local), Events: in}}
		unix.Poll(p, 0)
		if p[0].Revents&in == 0 && asked&in != 0 && e.terminalReadable(t, fd, &st) {
			p[0].Revents |= in
		}
		// Output is taken as fast as it comes: whether it has been yet is not told.
		return p[0].Revents | out
	case kindUnknown:
		return unix.POLLNVAL
	default:
		return in | out
	}
	key := vfs.KeyOf(&st)
	var r int16
	if fl&unix.O_ACCMODE != unix.O_WRONLY {
		switch {
		case key == e.cfg.StdinKey && e.cfg.Stdin != nil:
			e.fillStdin(1)
			if len(e.stdin) > 0 {
				r |= in
			} else {
				r |= unix.POLLHUP
			}
		default:
			if e.channelOf(key) != nil {
				r |= in
			}
			r |= e.hungUp(t, fd)
		}
	}
	if fl&unix.O_ACCMODE != unix.O_RDONLY {
		switch {
		case e.stream(key) != 0:
			r |= out
		case !e.hasReaders(t, fd):
			r |= out | unix.POLLERR
		case e.channelOf(key).room() >= pipeBuf:
			r |= out
		}
	}
	return r
}

// hungUp is POLLHUP when the writers of a pipe have gone: a FIFO that never
// had one has not hung up.
func (e *engine) hungUp(t *task, fd int32) int16 {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return unix.POLLHUP
	}
	defer unix.Close(local)
	p := []unix.PollFd{{Fd: int32(local), Events: unix.POLLIN}}
	unix.Poll(p, 0)
	return p[0].Revents & unix.POLLHUP
}
