package determinize

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// Internet sockets of a box reach one another, as in a network namespace with nothing but
// a loopback interface.

// Ports that are chosen; ip(7), ip_local_port_range.
const (
	firstPort = 32_768
	lastPort  = 60_999
	privPorts = 1024 // ports below are root's
)

var (
	any4      = netip.AddrFrom4([4]byte{})
	any6      = netip.IPv6Unspecified()
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// inetProtocol is the protocol of an internet socket.
func inetProtocol(typ, proto int) (int, unix.Errno) {
	switch {
	case typ == unix.SOCK_STREAM && (proto == 0 || proto == unix.IPPROTO_TCP):
		return unix.IPPROTO_TCP, 0
	case typ == unix.SOCK_DGRAM && (proto == 0 || proto == unix.IPPROTO_UDP):
		return unix.IPPROTO_UDP, 0
	case typ == unix.SOCK_RAW:
		return 0, unix.EPERM
	case typ == unix.SOCK_STREAM || typ == unix.SOCK_DGRAM:
		return 0, unix.EPROTONOSUPPORT
	}
	return 0, unix.ESOCKTNOSUPPORT
}

// inetName reads an internet address. Its family is the socket's, but where IPv4 is left to
// an IPv6 socket that sends.
func (s *socket) inetName(b []byte) (netip.AddrPort, unix.Errno) {
	const size4, size6 = 16, 24 // the least that is taken
	switch family := nameFamily(b); {
	case family == unix.AF_INET && s.family == unix.AF_INET:
		if len(b) < size4 {
			return netip.AddrPort{}, unix.EINVAL
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:])), 0
	case family == unix.AF_INET6 && s.family == unix.AF_INET6:
		if len(b) < size6 {
			return netip.AddrPort{}, unix.EINVAL
		}
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:])), 0
	case len(b) < 2:
		return netip.AddrPort{}, unix.EINVAL
	}
	return netip.AddrPort{}, unix.EAFNOSUPPORT
}

// only6 tells whether a socket has nothing to do with IPv4.
func (s *socket) only6() bool {
	return s.family == unix.AF_INET6 && s.set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
}

// covers tells whether what is sent to an address reaches a socket that has another one.
func (s *socket) covers(to netip.Addr) bool {
	at := s.local.at.Addr()
	to = to.Unmap()
	switch {
	case at.IsUnspecified() && at.Is4():
		return to.Is4()
	case at.IsUnspecified() && !at.Is4In6():
		return to.Is6() || !s.only6()
	case at.Unmap().IsUnspecified():
		return to.Is4()
	}
	return at.Unmap() == to
}

// free tells whether a socket may have an address and port.
func (e *engine) free(s *socket, at netip.AddrPort) bool {
	mine := *s
	mine.local.at = at
	for _, o := range e.internet {
		if o == s || o.typ != s.typ || o.local.at.Port() != at.Port() {
			continue
		}
		if !mine.covers(o.local.at.Addr()) && !o.covers(at.Addr()) && !mine.bothAny(o) {
			continue
		}
		if s.set(unix.SOL_SOCKET, unix.SO_REUSEPORT) && o.set(unix.SOL_SOCKET, unix.SO_REUSEPORT) {
			continue
		}
		if s.set(unix.SOL_SOCKET, unix.SO_REUSEADDR) && o.set(unix.SOL_SOCKET, unix.SO_REUSEADDR) && o.state != sockListening {
			continue
		}
		return false
	}
	return true
}

// bothAny tells whether two sockets have wildcard addresses that overlap.
func (s *socket) bothAny(o *socket) bool {
	a, b := s.local.at.Addr(), o.local.at.Addr()
	if !a.Unmap().IsUnspecified() || !b.Unmap().IsUnspecified() {
		return false
	}
	return a.Is4() == b.Is4() || a.Is6() && !s.only6() || b.Is6() && !o.only6()
}

// takes gives a socket an address, and a port of the engine's choice if it has none.
func (e *engine) takes(s *socket, at netip.AddrPort) unix.Errno {
	if at.Port() == 0 {
		for range lastPort - firstPort + 1 {
			port := uint16(firstPort + e.ports%(lastPort-firstPort+1))
			e.ports++
			if c := netip.AddrPortFrom(at.Addr(), port); e.unused(s, c) {
				at = c
				break
			}
		}
		if at.Port() == 0 {
			return unix.EADDRINUSE
		}
	}
	s.local.at = at
	e.internet = append(e.internet, s)
	e.changes++
	return 0
}

// unused tells whether nobody has a port that is to be chosen.
func (e *engine) unused(s *socket, at netip.AddrPort) bool {
	for _, o := range e.internet {
		if o.typ == s.typ && o.local.at.Port() == at.Port() {
			return false
		}
	}
	return true
}

// bindInet handles bind of an internet socket.
func (e *engine) bindInet(t *task, s *socket, b []byte) verdict {
	if s.family == unix.AF_INET && len(b) >= 16 && nameFamily(b) == unix.AF_UNSPEC && isZero(b[4:8]) {
		b[0] = unix.AF_INET // as the kernel takes it
	}
	at, errno := s.inetName(b)
	switch a := at.Addr().Unmap(); {
	case errno != 0:
		return fail(errno)
	case !a.IsLoopback() && !a.IsUnspecified(), a.Is4() && at.Addr().Is6() && s.only6():
		return fail(unix.EADDRNOTAVAIL)
	case at.Port() != 0 && at.Port() < privPorts && !e.has(t, unix.CAP_NET_BIND_SERVICE):
		return fail(unix.EACCES)
	case s.local.bound() || s.state != sockUnconnected:
		return fail(unix.EINVAL)
	case at.Port() != 0 && !e.free(s, at):
		return fail(unix.EADDRINUSE)
	}
	if errno := e.takes(s, at); errno != 0 {
		return fail(errno)
	}
	return answer(0)
}

// listensInet gives a socket that is to listen a port, and looks whether nobody else listens there.
func (e *engine) listensInet(t *task, s *socket) unix.Errno {
	if !s.local.bound() {
		at := any4
		if s.family == unix.AF_INET6 {
			at = any6
		}
		return e.takes(s, netip.AddrPortFrom(at, 0))
	}
	if s.state != sockListening && !e.free(s, s.local.at) {
		return unix.EADDRINUSE
	}
	return 0
}

// reaches is where a socket's messages to an address go, and from where they come; an
// errno if nothing leads there.
func (s *socket) reaches(to netip.AddrPort) (dst, src netip.AddrPort, errno unix.Errno) {
	a := to.Addr()
	if a == any4 {
		a = loopback4
	} else if a == any6 {
		a = loopback6
	}
	if u := a.Unmap(); u.IsUnspecified() {
		a = netip.AddrFrom16(loopback4.As16())
	}
	switch {
	case a.Unmap().Is4() && a.Is6() && s.only6(), !a.Unmap().IsLoopback():
		return dst, src, unix.ENETUNREACH
	}
	from := s.local.at.Addr()
	if !s.local.bound() || from.IsUnspecified() {
		switch {
		case a == loopback6:
			from = loopback6
		case a.Is4In6():
			from = netip.AddrFrom16(loopback4.As16())
		default:
			from = loopback4
		}
	}
	if from.Unmap().Is4() != a.Unmap().Is4() {
		return dst, src, unix.ENETUNREACH
	}
	return netip.AddrPortFrom(a, to.Port()), netip.AddrPortFrom(from, s.local.at.Port()), 0
}

// receiver is the socket that what is sent to an address from another one reaches.
func (e *engine) receiver(typ int, dst, src netip.AddrPort) (best *socket) {
	same := func(a, b netip.AddrPort) bool { return a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap() }
	score := -1
	for _, o := range e.internet {
		if o.typ != typ || o.dead || o.local.at.Port() != dst.Port() || !o.covers(dst.Addr()) {
			continue
		}
		n := 0
		if !o.local.at.Addr().Unmap().IsUnspecified() {
			n++
		}
		switch {
		case typ == unix.SOCK_STREAM && o.state != sockListening:
			continue
		case typ == unix.SOCK_DGRAM && o.remote.bound():
			if !same(o.remote.at, src) {
				continue
			}
			n += 2
		}
		if n > score {
			best, score = o, n
		}
	}
	return best
}

// aims gives a socket the other end's name, and one of its own if it has none.
func (e *engine) aims(s *socket, src, dst netip.AddrPort) unix.Errno {
	if !s.local.bound() {
		if errno := e.takes(s, src); errno != 0 {
			return errno
		}
		s.chosen = true
	}
	s.local.at = netip.AddrPortFrom(src.Addr(), s.local.at.Port())
	s.remote = sockName{at: dst}
	return 0
}

// connectInet handles connect of an internet socket.
func (e *engine) connectInet(t *task, s *socket, to []byte) verdict {
	if len(to) < 2 {
		return fail(unix.EINVAL)
	}
	if nameFamily(to) == unix.AF_UNSPEC {
		if v, wait := e.serially(t); wait {
			return v
		}
		return e.disconnects(t, s)
	}
	at, errno := s.inetName(to)
	if errno != 0 {
		return fail(errno)
	}
	dst, src, errno := s.reaches(at)
	if errno != 0 {
		return fail(errno)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	if !s.streams() {
		if errno := e.aims(s, src, dst); errno != 0 {
			return fail(errno)
		}
		e.readyOut(t, s)
		return answer(0)
	}
	switch s.state {
	case sockConnected:
		if s.unanswered {
			s.unanswered = false
			return answer(0)
		}
		return fail(unix.EISCONN)
	case sockListening:
		return fail(unix.EISCONN)
	case sockConnecting:
		if e.waitsNot(t) {
			return fail(unix.EALREADY)
		}
		return e.awaitConnection(t, s)
	case sockReset:
		errno := s.takeError()
		if errno == 0 {
			errno = unix.ECONNABORTED
		}
		s.state, s.noRecv, s.noSend, s.peer = sockUnconnected, false, false, nil
		return fail(errno)
	}
	if errno := e.aims(s, src, dst); errno != 0 {
		return fail(errno)
	}
	s.owner = e.cred(t)
	l := e.receiver(unix.SOCK_STREAM, dst, s.local.at)
	switch {
	case l == nil && !e.waitsNot(t):
		s.state = sockUnconnected
		return fail(unix.ECONNREFUSED)
	case l == nil:
		s.err, s.state, s.noRecv, s.noSend = unix.ECONNREFUSED, sockReset, true, true
		e.readyBoth(t, s)
		return fail(unix.EINPROGRESS)
	}
	s.state = sockConnecting
	l.coming = append(l.coming, s)
	e.arrives(t, l)
	if e.waitsNot(t) {
		s.unanswered = true
		return fail(unix.EINPROGRESS)
	}
	return e.awaitConnection(t, s)
}

// awaitConnection has a task wait until its socket is connected.
func (e *engine) awaitConnection(t *task, s *socket) verdict {
	return e.attempts(t, attempt{
		why: "somebody who accepts connections to a socket", at: unix.EINPROGRESS, timeout: s.sendTimeout,
		event: func() (sched.Stamp, bool) { return s.outAt, s.state != sockConnecting },
		try: func() (verdict, bool) {
			switch s.state {
			case sockConnecting:
				return verdict{}, false
			case sockConnected:
				s.unanswered = false
				return answer(0), true
			}
			errno := s.takeError()
			if errno == 0 {
				errno = unix.ECONNABORTED
			}
			return fail(errno), true
		},
	})
}

// disconnects takes a socket's connection from it, and an address that it has not asked for.
func (e *engine) disconnects(t *task, s *socket) verdict {
	if s.streams() {
		if s.state == sockListening {
			e.stopListening(t, s)
		}
		e.gaveUp(s)
		if p := s.peer; p != nil && !p.dead {
			e.resets(t, p, unix.ECONNRESET)
		}
		e.dropQueue(t, s)
		s.state, s.peer, s.noRecv, s.noSend, s.err = sockUnconnected, nil, false, false, 0
	}
	s.remote = sockName{}
	if s.chosen {
		e.unbind(s)
		s.local, s.chosen = sockName{}, false
	}
	e.readyBoth(t, s)
	return answer(0)
}

// connectedBuffer is the size of the buffer of a connection, if it has not been asked for another one.
func (s *socket) connectedBuffer() int {
	if s.sndbuf == 16_384 {
		return tcpBuffer
	}
	return s.sndbuf
}

// sendUDP sends a datagram.
func (e *engine) sendUDP(t *task, s *socket, out *outgoing) verdict {
	if out.total > maxUDP {
		return fail(unix.EMSGSIZE)
	}
	to := s.remote.at
	if out.to != nil {
		at, errno := s.inetName(out.to)
		if errno != 0 {
			return fail(errno)
		}
		to = at
	} else if !s.remote.bound() {
		return fail(unix.EDESTADDRREQ)
	}
	if to.Port() == 0 {
		return fail(unix.EINVAL)
	}
	dst, src, errno := s.reaches(to)
	if errno != 0 {
		return fail(errno)
	}
	if s.err != 0 {
		return fail(s.takeError())
	}
	if s.noSend {
		return e.brokenPipe(t, out.flags)
	}
	if !s.local.bound() {
		any := any4
		if s.family == unix.AF_INET6 {
			any = any6
		}
		if errno := e.takes(s, netip.AddrPortFrom(any, 0)); errno != 0 {
			return fail(errno)
		}
		src = netip.AddrPortFrom(src.Addr(), s.local.at.Port())
	}
	b, errno := e.gatherAll(t, out.spans, out.total)
	if errno != 0 {
		return fail(errno)
	}
	o := e.receiver(unix.SOCK_DGRAM, dst, src)
	switch {
	case o == nil:
		if s.remote.bound() {
			s.err = unix.ECONNREFUSED
			e.readyBoth(t, s)
		}
	case o.noRecv:
	case o.held()+len(b)+packetOverhead > o.rcvbuf:
		// It is lost.
	default:
		m := &packet{data: b}
		if errno := e.deliver(t, s, o, m, &control{}); errno != 0 {
			return fail(errno)
		}
		m.from = sockName{at: fitting(src, o.family)}
	}
	return answer(int64(out.total))
}

// held is the cost of what a socket has not received.
func (s *socket) held() (n int) {
	for _, m := range s.queue {
		n += m.cost
	}
	return n
}

// fitting is an address as a socket of a family shows it.
func fitting(at netip.AddrPort, family int) netip.AddrPort {
	if family == unix.AF_INET {
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPortFrom(netip.AddrFrom16(at.Addr().As16()), at.Port())
}
