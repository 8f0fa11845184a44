package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/sched"
)

// Bounds of what sockets hold; socket(7), unix(7).
const (
	socketBuffer   = 212_992   // net.core.wmem_default, rmem_default and their maxima
	tcpBuffer      = 2_626_560 // of a connection to the same machine
	packetOverhead = 768       // what a packet costs beside its bytes
	maxPiece       = 32 << 10  // bytes of a stream in one packet
	maxQueue       = 10        // net.unix.max_dgram_qlen
	maxUDP         = 65_507    // bytes of a datagram
	socketMemory   = 256 << 20 // cost of all packets of a box
)

// packet is what was sent at once, or a piece of it.
type packet struct {
	data  []byte
	edge  clock.Edge
	from  sockName
	by    *socket // that has sent it
	cost  int
	cred  ucred
	creds bool // cred was sent with it
	fds   []*passed
}

// outgoing is what a call sends.
type outgoing struct {
	spans   []span
	total   int
	flags   uint64
	to      []byte // a socket address, or nil
	control []byte
}

// sendEnter handles sendto and sendmsg.
func sendEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	var out outgoing
	var errno unix.Errno
	if t.call.Nr == unix.SYS_SENDMSG {
		_, out, errno = e.outgoingAt(t, t.arg(1), t.arg(2))
	} else {
		out.spans, out.total, errno = oneSpan(t.arg(1), t.arg(2))
		out.flags = t.arg(3)
		if errno == 0 && t.arg(4) != 0 {
			out.to, errno = e.readName(t, t.arg(4), t.arg(5))
		}
	}
	if errno != 0 {
		return fail(errno)
	}
	return e.sends(t, s, &out)
}

// oneSpan is the buffer of sendto or recvfrom.
func oneSpan(addr, size uint64) ([]span, int, unix.Errno) {
	n := int(min(size, maxRW))
	return []span{{addr, n}}, n, 0
}

// writeSocket handles write and writev.
func (e *engine) writeSocket(t *task, s *socket) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	return e.sends(t, s, &outgoing{spans: spans, total: total})
}

// sends has a task send something through a socket.
func (e *engine) sends(t *task, s *socket, out *outgoing) verdict {
	if out.flags&unix.MSG_OOB != 0 {
		e.refuse(callName(t) + "(MSG_OOB)")
		return fail(unix.EOPNOTSUPP)
	}
	if s.netlink() {
		return e.sendNetlink(t, s, out)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	var c control
	if !s.inet() {
		var errno unix.Errno
		if c, errno = e.control(t, out.control); errno != 0 {
			return fail(errno)
		}
	}
	if s.streams() {
		return e.sendStream(t, s, out, &c)
	}
	return e.sendDatagram(t, s, out, &c)
}

// attempt is a call that waits until it can be made.
type attempt struct {
	why     string
	at      unix.Errno // what a call gets that does not wait; 0: EAGAIN
	notNow  bool       // it does not
	timeout int64      // nanoseconds, or 0
	// try makes the call, if it can be; event says since when it could.
	try   func() (verdict, bool)
	event func() (sched.Stamp, bool)
	// partly is how much of the call has been made.
	partly func() int
}

// attempts makes a call, now or later.
func (e *engine) attempts(t *task, a attempt) verdict {
	if v, ok := a.try(); ok {
		return v
	}
	short := func() (verdict, bool) {
		if a.partly != nil && a.partly() > 0 {
			return answer(int64(a.partly())), true
		}
		return verdict{}, false
	}
	late := func() verdict {
		if v, ok := short(); ok {
			return v
		}
		if a.at != 0 {
			return fail(a.at)
		}
		return fail(unix.EAGAIN)
	}
	if a.notNow {
		return late()
	}
	until := t.clk.Now() + a.timeout
	var wait func() verdict
	wait = func() verdict {
		v := block(saying(a.why), e.everybody(t), a.event)
		v.then = func() verdict {
			if v, ok := a.try(); ok {
				return v
			}
			return wait()
		}
		v.broken = func() verdict {
			if v, ok := short(); ok {
				return v
			}
			if a.timeout > 0 {
				return e.interrupt(t, -int64(unix.EINTR))
			}
			return e.interrupt(t, restartSys)
		}
		if a.timeout > 0 {
			v.wake = t.wakeAt(until)
			v.timeUp = func() verdict {
				t.clk.SleepUntil(until)
				return late()
			}
		}
		return v
	}
	return wait()
}

// brokenPipe is what a call gets that sends what nobody can receive.
func (e *engine) brokenPipe(t *task, flags uint64) verdict {
	if flags&unix.MSG_NOSIGNAL == 0 {
		unix.Tgkill(t.first, t.pid, unix.SIGPIPE)
	}
	return fail(unix.EPIPE)
}

// roomy tells whether poll finds room for what a socket sends.
func (s *socket) roomy() bool { return s.sent<<2 <= s.sndbuf }

// sendStream sends bytes along a connection.
func (e *engine) sendStream(t *task, s *socket, out *outgoing, c *control) verdict {
	done := 0
	cannot := func() (verdict, bool) {
		if v, bad := e.cannotStream(t, s, out); bad {
			if done > 0 {
				return answer(int64(done)), true
			}
			return v, true
		}
		return verdict{}, false
	}
	return e.attempts(t, attempt{
		why: "room in a socket", notNow: e.notNow(t, out.flags), timeout: s.sendTimeout,
		partly: func() int { return done },
		event: func() (sched.Stamp, bool) {
			return s.outAt, s.state != sockConnecting && (s.roomy() || s.noSend || s.err != 0 || s.peer == nil || s.peer.dead || s.peer.noRecv)
		},
		try: func() (verdict, bool) {
			if s.state == sockConnecting {
				return verdict{}, false
			}
			if v, bad := cannot(); bad {
				return v, true
			}
			for done < out.total {
				if v, bad := cannot(); bad {
					return v, true
				}
				if s.sent >= s.sndbuf {
					return verdict{}, false
				}
				n := min(out.total-done, maxPiece)
				b, errno := e.gather(t, out.spans, done, n)
				if errno != 0 || len(b) == 0 {
					if done > 0 {
						break
					}
					return fail(unix.EFAULT), true
				}
				m := &packet{data: slices.Clone(b)}
				if errno := e.deliver(t, s, s.peer, m, c); errno != 0 {
					return fail(errno), true
				}
				c = &control{creds: c.creds, cred: c.cred}
				if done += len(b); len(b) < n {
					break
				}
			}
			return answer(int64(done)), true
		},
	})
}

// cannotStream is what a call gets that sends along something that is no connection.
func (e *engine) cannotStream(t *task, s *socket, out *outgoing) (verdict, bool) {
	switch p := s.peer; {
	case s.inet() && s.err != 0:
		if errno := s.takeError(); errno != unix.EPIPE {
			return fail(errno), true
		}
		return e.brokenPipe(t, out.flags), true
	case s.inet() && (s.noSend || s.state != sockConnected):
		return e.brokenPipe(t, out.flags), true
	case s.inet() && p.dead:
		// It answers that it is gone. What was sent is lost.
		e.resets(t, s, unix.EPIPE)
		return answer(int64(out.total)), true
	case s.inet():
		return verdict{}, false
	case out.to != nil && s.state == sockConnected:
		return fail(unix.EISCONN), true
	case out.to != nil:
		return fail(unix.EOPNOTSUPP), true
	case p == nil:
		return fail(unix.ENOTCONN), true
	case s.noSend || p.dead || p.noRecv:
		return e.brokenPipe(t, out.flags), true
	}
	return verdict{}, false
}

// notNow tells whether a call is not to wait.
func (e *engine) notNow(t *task, flags uint64) bool {
	return flags&unix.MSG_DONTWAIT != 0 || e.waitsNot(t)
}

// deliver hands a packet to a socket, with what was sent beside it.
func (e *engine) deliver(t *task, s, to *socket, m *packet, c *control) unix.Errno {
	m.by, m.from, m.edge, m.cost = s, s.local, t.clk.Edge, len(m.data)+packetOverhead
	if e.socketCost+m.cost > socketMemory {
		e.taint("exhausted", "sockets of the box hold too much that nobody receives", t)
		return unix.ENOBUFS
	}
	m.cred, m.creds = c.cred, c.creds
	if !m.creds && (s.passCred || to.passCred) {
		m.cred, m.creds = e.cred(t), true
	}
	var errno unix.Errno
	if m.fds, errno = e.passes(t, c.fds); errno != 0 {
		return errno
	}
	to.queue = append(to.queue, m)
	s.sent += m.cost
	e.socketCost += m.cost
	e.readyIn(t, to)
	return 0
}

// forget drops a packet that has been received, or never will be.
func (e *engine) forget(t *task, m *packet) {
	m.by.sent -= m.cost
	e.socketCost -= m.cost
	if !m.by.dead && m.by.roomy() {
		e.readyOut(t, m.by)
	}
	e.changes++ // others who send there may go on
	for _, p := range m.fds {
		e.unpass(t, p)
	}
	m.fds = nil
}

// sendDatagram sends a message.
func (e *engine) sendDatagram(t *task, s *socket, out *outgoing, c *control) verdict {
	if s.connects() {
		out.to = nil // there is no other
		if errno := s.takeError(); errno != 0 {
			return fail(errno)
		}
		if s.state != sockConnected {
			return fail(unix.ENOTCONN)
		}
	}
	if s.inet() {
		return e.sendUDP(t, s, out)
	}
	to := s.peer
	if s.passCred && !s.local.bound() {
		e.autobind(t, s)
	}
	switch {
	case out.to != nil:
		var v verdict
		var ok bool
		if to, v, ok = e.findUnix(t, s, out.to); !ok {
			return v
		}
		if to.peer != nil && to.peer != s {
			return fail(unix.EPERM)
		}
	case to == nil:
		return fail(unix.ENOTCONN)
	}
	if out.total > s.sndbuf-32 {
		return fail(unix.EMSGSIZE)
	}
	full := func() bool { return s.sent >= s.sndbuf || to.peer != s && len(to.queue) > maxQueue }
	return e.attempts(t, attempt{
		why: "room in a socket", notNow: e.notNow(t, out.flags), timeout: s.sendTimeout,
		event: func() (sched.Stamp, bool) {
			return s.outAt, s.noSend || s.err != 0 || to.dead || to.noRecv || !full()
		},
		try: func() (verdict, bool) {
			switch {
			case s.err != 0:
				return fail(s.takeError()), true
			case s.connects() && (s.noSend || to.noRecv || to.dead):
				return e.brokenPipe(t, out.flags), true
			case s.noSend, to.noRecv && !to.dead:
				return fail(unix.EPIPE), true
			case to.dead:
				if s.peer == to {
					s.peer = nil
					e.dropQueue(t, s)
				}
				return fail(unix.ECONNREFUSED), true
			case full():
				return verdict{}, false
			}
			b, errno := e.gatherAll(t, out.spans, out.total)
			if errno != 0 {
				return fail(errno), true
			}
			if errno := e.deliver(t, s, to, &packet{data: b}, c); errno != 0 {
				return fail(errno), true
			}
			return answer(int64(out.total)), true
		},
	})
}

// dropQueue forgets what a socket has not received.
func (e *engine) dropQueue(t *task, s *socket) {
	for _, m := range s.queue {
		e.forget(t, m)
	}
	s.queue = nil
}

// gatherAll copies all of a message out of the guest's buffers.
func (e *engine) gatherAll(t *task, spans []span, total int) ([]byte, unix.Errno) {
	all := make([]byte, 0, total)
	for len(all) < total {
		b, errno := e.gather(t, spans, len(all), total-len(all))
		if errno != 0 || len(b) == 0 {
			return nil, unix.EFAULT
		}
		all = append(all, b...)
	}
	return all, 0
}
