package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// maxBacklog is net.core.somaxconn.
const maxBacklog = 4096

// listenEnter handles listen.
func listenEnter(e *engine, t *task) verdict {
	s, errno := e.socketOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	switch {
	case !s.connects():
		return fail(unix.EOPNOTSUPP)
	case s.state != sockUnconnected && s.state != sockListening, !s.inet() && !s.local.bound():
		return fail(unix.EINVAL)
	}
	if s.inet() {
		if errno := e.listensInet(t, s); errno != 0 {
			return fail(errno)
		}
	}
	s.backlog = int(min(uint32(t.arg(1)), maxBacklog))
	s.state, s.owner = sockListening, e.cred(t)
	if !s.inet() {
		s.peerCred = s.owner
	}
	e.arrives(t, s)
	return answer(0)
}

// stopListening makes a listening socket one that is not connected.
func (e *engine) stopListening(t *task, s *socket) {
	for _, c := range s.arrived {
		e.closeSocket(t, c, true)
	}
	for _, c := range s.coming {
		e.resets(t, c, unix.ECONNREFUSED)
	}
	s.arrived, s.coming, s.state = nil, nil, sockUnconnected
	e.readyBoth(t, s)
}

// full tells whether a listening socket takes no more connections for now.
func (s *socket) full() bool { return len(s.arrived) > s.backlog }

// arrives lets those connect that have waited for room.
func (e *engine) arrives(t *task, l *socket) {
	for len(l.coming) > 0 && !l.full() {
		s := l.coming[0]
		l.coming = l.coming[1:]
		if s.state == sockConnecting && !s.dead {
			e.establish(t, s, l)
		}
	}
	e.readyOut(t, l)
}

// gaveUp takes a socket off those that wait for room.
func (e *engine) gaveUp(s *socket) {
	for _, l := range e.internet {
		l.coming = slices.DeleteFunc(l.coming, func(o *socket) bool { return o == s })
	}
}

// establish connects a socket to one that listens, which gets a new one for the other end.
func (e *engine) establish(t *task, s, l *socket) {
	c := e.newSocket(t, l.family, l.typ, l.proto)
	c.by = l.by
	c.socketOptions = l.inherited()
	c.state, s.state = sockConnected, sockConnected
	c.peer, s.peer = s, c
	c.local = l.local
	if s.inet() {
		c.local, c.remote = sockName{at: fitting(s.remote.at, c.family)}, sockName{at: fitting(s.local.at, c.family)}
		s.sndbuf, c.sndbuf = s.connectedBuffer(), c.connectedBuffer()
	}
	c.owner, c.peerCred = l.owner, s.owner
	s.peerCred = l.owner
	c.came = t.clk.Edge
	l.arrived = append(l.arrived, c)
	e.readyIn(t, l)
	e.readyBoth(t, s)
}

// connectEnter handles connect.
func connectEnter(e *engine, t *task) verdict {
	s, errno := e.socketOf(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	to, errno := e.readName(t, t.arg(1), t.arg(2))
	if errno != 0 {
		return fail(errno)
	}
	if s.inet() {
		return e.connectInet(t, s, to)
	}
	if s.netlink() {
		e.refuse("connect(AF_NETLINK)")
		return fail(unix.EOPNOTSUPP)
	}
	if len(to) < 2 {
		return fail(unix.EINVAL)
	}
	if !s.connects() && nameFamily(to) == unix.AF_UNSPEC {
		if v, wait := e.serially(t); wait {
			return v
		}
		if s.peer != nil {
			s.peer = nil
			e.dropQueue(t, s)
		}
		return answer(0)
	}
	l, v, ok := e.findUnix(t, s, to)
	if !ok {
		return v
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	if s.passCred && !s.local.bound() {
		e.autobind(t, s)
	}
	if !s.connects() {
		if l.peer != nil && l.peer != s {
			return fail(unix.EPERM)
		}
		s.peer = l
		e.readyOut(t, s)
		return answer(0)
	}
	return e.attempts(t, attempt{
		why: "somebody who accepts connections to a socket", notNow: e.waitsNot(t), timeout: s.sendTimeout,
		event: func() (sched.Stamp, bool) { return l.outAt, l.dead || l.state != sockListening || !l.full() },
		try: func() (verdict, bool) {
			switch {
			case l.dead || l.state != sockListening || l.noRecv:
				return fail(unix.ECONNREFUSED), true
			case l.full():
				return verdict{}, false
			case s.state == sockConnected:
				return fail(unix.EISCONN), true
			case s.state != sockUnconnected:
				return fail(unix.EINVAL), true
			}
			s.owner = e.cred(t)
			e.establish(t, s, l)
			return answer(0), true
		},
	})
}

// acceptEnter handles accept and accept4.
func acceptEnter(e *engine, t *task) verdict {
	flags := uint64(0)
	if t.call.Nr == unix.SYS_ACCEPT4 {
		if flags = uint64(uint32(t.arg(3))); flags&^(unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK) != 0 {
			return fail(unix.EINVAL)
		}
	}
	l, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	switch {
	case !l.connects():
		return fail(unix.EOPNOTSUPP)
	case l.state != sockListening:
		return fail(unix.EINVAL)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	return e.attempts(t, attempt{
		why: "a connection to a socket", notNow: e.waitsNot(t), timeout: l.recvTimeout,
		event: func() (sched.Stamp, bool) {
			return l.inAt, len(l.arrived) > 0 || l.noRecv || l.state != sockListening || l.err != 0
		},
		try: func() (verdict, bool) {
			switch {
			case l.err != 0:
				return fail(l.takeError()), true
			case l.state != sockListening, l.noRecv && len(l.arrived) == 0:
				return fail(unix.EINVAL), true
			case len(l.arrived) == 0:
				return verdict{}, false
			}
			return e.accepts(t, l, flags), true
		},
	})
}

// accepts gives a task a descriptor of the connection that has waited longest.
func (e *engine) accepts(t *task, l *socket, flags uint64) verdict {
	c := l.arrived[0]
	e.kernelSocket(t, unix.SYS_SOCKET, flags)
	return runThen(func(ret int64) {
		if e.exhausted(t, ret); ret < 0 || !e.leadsTo(t, int32(ret), c) {
			return
		}
		l.arrived = slices.Delete(l.arrived, 0, 1)
		t.clk.Receive(c.came)
		e.arrives(t, l)
		if t.arg(1) == 0 {
			return
		}
		name := c.remote
		if !c.inet() && c.peer != nil {
			name = c.peer.local
		}
		if errno := e.putName(t, t.arg(1), t.arg(2), name.encode(c.family)); errno != 0 {
			e.tr.SetResult(t.pid, -int64(errno))
		}
	})
}
