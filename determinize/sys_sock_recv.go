package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// incoming is what a call receives, and where it wants it.
type incoming struct {
	spans []span
	total int
	flags uint64

	name, nameLen uint64 // where the sender's address goes, and its length; 0: nowhere
	nameRoom      uint32
	msg           uint64 // the struct msghdr of recvmsg, or 0
	control       uint64
	controlRoom   uint64

	notNow    bool
	got       int // bytes that have been received
	truncated bool
	source    *packet // whose sender, credentials and descriptors are told
	fds       []*passed
	peeked    bool
}

// recvEnter handles recvfrom and recvmsg.
func recvEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	var in incoming
	var errno unix.Errno
	if t.call.Nr == unix.SYS_RECVMSG {
		in, errno = e.incomingAt(t, t.arg(1), t.arg(2))
	} else {
		in.spans, in.total, errno = oneSpan(t.arg(1), t.arg(2))
		in.flags = t.arg(3)
		if in.name = t.arg(4); in.name != 0 {
			in.nameLen = t.arg(5)
			in.nameRoom, errno = e.word(t, in.nameLen)
			if errno == 0 && int32(in.nameRoom) < 0 {
				errno = unix.EINVAL
			}
		}
	}
	if errno != 0 {
		return fail(errno)
	}
	return e.receives(t, s, &in)
}

// readSocket handles read and readv.
func (e *engine) readSocket(t *task, s *socket) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	if total == 0 {
		return answer(0)
	}
	return e.receives(t, s, &incoming{spans: spans, total: total})
}

// receives has a task receive something from a socket.
func (e *engine) receives(t *task, s *socket, in *incoming) verdict {
	if !s.netlink() || !s.alone() {
		if v, wait := e.serially(t); wait {
			return v
		}
	}
	in.notNow = e.notNow(t, in.flags)
	return e.attempts(t, e.receiving(t, s, in))
}

// receiving is the attempt to receive something.
func (e *engine) receiving(t *task, s *socket, in *incoming) attempt {
	a := attempt{
		why: "bytes from a socket", timeout: s.recvTimeout, notNow: in.notNow,
		partly: func() int { return in.got },
		event:  func() (sched.Stamp, bool) { return s.inAt, s.readable() },
	}
	switch {
	case in.flags&unix.MSG_ERRQUEUE != 0:
		a.try = func() (verdict, bool) { return fail(unix.EAGAIN), true }
	case in.flags&unix.MSG_OOB != 0:
		a.try = func() (verdict, bool) {
			if s.inet() && s.streams() {
				return fail(unix.EINVAL), true
			}
			return fail(unix.EOPNOTSUPP), true
		}
	case s.streams():
		a.try = func() (verdict, bool) { return e.receiveStream(t, s, in) }
	default:
		a.try = func() (verdict, bool) { return e.receiveMessage(t, s, in) }
	}
	return a
}

// readable tells whether a call that receives would not wait.
func (s *socket) readable() bool {
	return len(s.queue) > 0 || s.noRecv || s.err != 0 || s.connects() && s.state != sockConnected && s.state != sockConnecting
}

// nothing is what a call gets that finds nothing to receive; ok is false if it has to wait.
func (s *socket) nothing(t *task, in *incoming) (v verdict, ok bool) {
	switch {
	case s.inet() && s.connects() && s.noRecv && s.err == unix.EPIPE:
		return answer(0), true // it has ended before
	case s.err != 0:
		return fail(s.takeError()), true
	case s.noRecv && in.notNow && s.typ == unix.SOCK_DGRAM:
		return fail(unix.EAGAIN), true
	case s.noRecv:
		t.clk.Past.Follow(&s.closed)
		return answer(0), true
	case s.connects() && s.state != sockConnected && s.state != sockConnecting:
		if s.family == unix.AF_UNIX && s.streams() {
			return fail(unix.EINVAL), true
		}
		return fail(unix.ENOTCONN), true
	}
	return verdict{}, false
}

// receiveStream receives bytes from a connection: those of one sender, up to and with
// those that descriptors came with.
func (e *engine) receiveStream(t *task, s *socket, in *incoming) (verdict, bool) {
	if s.family == unix.AF_UNIX && s.state != sockConnected {
		return fail(unix.EINVAL), true
	}
	peek := in.flags&unix.MSG_PEEK != 0
	drop := s.inet() && in.flags&unix.MSG_TRUNC != 0
	more := true
	for i := 0; more && i < len(s.queue); {
		m := s.queue[i]
		if in.source != nil && s.passCred && m.cred != in.source.cred {
			more = false
			break
		}
		n := min(in.total-in.got, len(m.data))
		if !drop {
			k, errno := e.scatter(t, skipSpans(in.spans, in.got), m.data[:n])
			if k < n || errno != 0 {
				if in.got += k; in.got == 0 && n > 0 {
					return fail(unix.EFAULT), true
				}
				n, more = k, false
			}
		}
		if more {
			in.got += n
		}
		t.clk.Receive(m.edge)
		if in.source == nil {
			in.source = m
		}
		if len(m.fds) > 0 {
			in.fds, in.source, more = m.fds, m, false
		}
		switch {
		case peek:
			in.peeked = true
			i++
		case n == len(m.data):
			m.fds = nil
			e.forget(t, m)
			s.queue = s.queue[1:]
		default:
			m.fds = nil
			m.data = m.data[n:]
			more = false
		}
		if in.got == in.total {
			more = false
		}
	}
	if in.source == nil {
		return s.nothing(t, in)
	}
	if in.got < in.total && more && in.flags&unix.MSG_WAITALL != 0 && !peek {
		if s.err == 0 && !s.noRecv && s.state == sockConnected {
			return verdict{}, false
		}
	}
	return e.received(t, s, in), true
}

// skipSpans is what is left of some buffers after n bytes.
func skipSpans(spans []span, n int) []span {
	for i, s := range spans {
		if n < s.size {
			left := append([]span{{s.addr + uint64(n), s.size - n}}, spans[i+1:]...)
			return left
		}
		n -= s.size
	}
	return nil
}

// receiveMessage receives one message.
func (e *engine) receiveMessage(t *task, s *socket, in *incoming) (verdict, bool) {
	if s.connects() && s.state != sockConnected {
		return fail(unix.ENOTCONN), true
	}
	if s.err != 0 {
		return fail(s.takeError()), true
	}
	if len(s.queue) == 0 {
		return s.nothing(t, in)
	}
	m := s.queue[0]
	n := min(in.total, len(m.data))
	if k, errno := e.scatter(t, in.spans, m.data[:n]); errno != 0 || k < n {
		return fail(unix.EFAULT), true
	}
	t.clk.Receive(m.edge)
	in.source, in.fds = m, m.fds
	in.got, in.truncated = n, n < len(m.data)
	if in.flags&unix.MSG_TRUNC != 0 {
		in.got = len(m.data)
	}
	if in.flags&unix.MSG_PEEK != 0 {
		in.peeked = true
	} else {
		m.fds = nil
		s.queue = s.queue[1:]
		e.forget(t, m)
	}
	return e.received(t, s, in), true
}

// received tells the guest what it has received beside the bytes.
func (e *engine) received(t *task, s *socket, in *incoming) verdict {
	done := func() {
		if !in.peeked {
			for _, p := range in.fds {
				e.unpass(t, p)
			}
		}
	}
	if in.name != 0 {
		var name []byte
		if m := in.source; !s.streams() || s.family == unix.AF_UNIX && m.from.bound() {
			name = m.from.encode(s.family)
			if s.family == unix.AF_UNIX && !m.from.bound() {
				name = nil
			}
		}
		n := min(len(name), int(in.nameRoom))
		if n > 0 && e.tr.WriteFull(t.pid, in.name, name[:n]) != 0 ||
			in.nameLen != 0 && e.tr.WriteFull(t.pid, in.nameLen, binary.LittleEndian.AppendUint32(nil, uint32(len(name)))) != 0 {
			done()
			return fail(unix.EFAULT)
		}
	}
	if in.msg == 0 {
		done()
		return answer(int64(in.got))
	}
	flags := uint32(0)
	if in.truncated {
		flags |= unix.MSG_TRUNC
	}
	flags |= uint32(in.flags) & unix.MSG_CMSG_CLOEXEC
	used, short := e.tellCred(t, s, in)
	if short {
		flags |= unix.MSG_CTRUNC
	}
	if len(in.fds) > 0 {
		return e.installs(t, in, used, flags, done)
	}
	return e.endsMessage(t, in, used, flags)
}

// endsMessage fills in what recvmsg returns in its struct msghdr.
func (e *engine) endsMessage(t *task, in *incoming, control uint64, flags uint32) verdict {
	if errno := e.tellMessage(t, in, control, flags); errno != 0 {
		return fail(errno)
	}
	return answer(int64(in.got))
}

// tellMessage is endsMessage without the end of the call.
func (e *engine) tellMessage(t *task, in *incoming, control uint64, flags uint32) unix.Errno {
	if e.tr.WriteFull(t.pid, in.msg+msgFlags, binary.LittleEndian.AppendUint32(nil, flags)) != 0 ||
		e.tr.WriteFull(t.pid, in.msg+msgControlLen, binary.LittleEndian.AppendUint64(nil, control)) != 0 {
		return unix.EFAULT
	}
	return 0
}
