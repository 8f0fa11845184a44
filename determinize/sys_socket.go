package determinize

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/clock"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// Sockets are the engine's. A guest's descriptor leads to a socket of the kernel that
// nothing is sent to or bound to: it has an inode of its own, by which the engine knows it, and the status
// flags. What sockets say to one another goes by the engine, one call at a time: from the
// first socket on that has to do with another one, the box goes on serially.

// socket is a socket of the box; socket(7).
type socket struct {
	key    vfs.Key
	family int    // AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
	typ    int    // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET; SOCK_RAW of netlink
	proto  int    // as SO_PROTOCOL shows it
	by     uint64 // exec that made it; of one that was accepted, the one that listens

	// Who has it. What nobody has is dead, but for connections that wait to be accepted.
	holders  []*process
	inFlight int // messages that hold it
	dead     bool

	state    socketState
	local    sockName
	file     vfs.Key  // at its path
	remote   sockName // of an internet socket
	peer     *socket  // what is sent goes there; may be dead
	owner    ucred    // of who made it what it is
	peerCred ucred    // SO_PEERCRED

	queue  []*packet     // that nobody has received
	sent   int           // cost of what it has sent and nobody has received
	closed conflict.Past // what those have left behind who shut it down at the other end
	noRecv bool          // shut down for receiving, or the other end for sending
	noSend bool
	err    unix.Errno // SO_ERROR

	backlog int
	arrived []*socket // connections that nobody has accepted
	coming  []*socket // that wait for room among these, of a non-blocking connect

	inAt, outAt sched.Stamp // when it last became ready, at least

	socketOptions
	came       clock.Edge // of who has connected it
	chosen     bool       // its address was not asked for
	unanswered bool       // nobody has been told that it is connected: connect did not wait

}

// socketState is how far a connection is. A datagram socket is always unconnected.
type socketState uint8

const (
	sockUnconnected socketState = iota
	sockListening
	sockConnecting
	sockConnected
	sockReset // it has been connected
)

// ucred is a struct ucred; unix(7).
type ucred struct{ pid, uid, gid uint32 }

// nobodyCred is shown where there is no other end.
var nobodyCred = ucred{0, ^uint32(0), ^uint32(0)}

// cred is what a task's sockets show of it.
func (e *engine) cred(t *task) ucred {
	return ucred{uint32(t.vpid), e.uid(t), e.gid(t)}
}

// connects tells whether the socket is of a kind that connects to one other.
func (s *socket) connects() bool { return s.typ == unix.SOCK_STREAM || s.typ == unix.SOCK_SEQPACKET }

// streams tells whether the socket keeps no boundaries between messages.
func (s *socket) streams() bool { return s.typ == unix.SOCK_STREAM }

// inet tells whether the socket is an internet one.
func (s *socket) inet() bool { return s.family == unix.AF_INET || s.family == unix.AF_INET6 }

// alone tells whether nobody but a task can have done anything to a socket.
func (s *socket) alone() bool {
	if s.netlink() {
		return len(s.holders) <= 1 && s.inFlight == 0
	}
	return s.state == sockUnconnected && !s.local.bound() && s.peer == nil && len(s.holders) <= 1 && s.inFlight == 0 && len(s.queue) == 0
}

// ready notes that a task has changed what can be received from a socket, or sent to it.
func (e *engine) readyIn(t *task, s *socket) {
	s.inAt = t.stamp()
	e.notify(s.key, pollIn)
}

func (e *engine) readyOut(t *task, s *socket) {
	s.outAt = t.stamp()
	e.notify(s.key, pollOut)
}

func (e *engine) readyBoth(t *task, s *socket) {
	s.inAt, s.outAt = t.stamp(), t.stamp()
	e.notify(s.key, 0)
}

// newSocket is a socket that nobody has yet.
func (e *engine) newSocket(t *task, family, typ, proto int) *socket {
	s := &socket{family: family, typ: typ, proto: proto, by: t.exec.id, peerCred: nobodyCred, owner: e.cred(t)}
	s.socketOptions = newSocketOptions(s)
	s.inAt, s.outAt = t.stamp(), t.stamp()
	return s
}

// socketType reads the domain, type and protocol of a new socket.
func (e *engine) socketType(t *task) (s *socket, v verdict, ok bool) {
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	kind := t.arg(1)
	if uint32(kind)&^(0xf|flags) != 0 {
		return nil, fail(unix.EINVAL), false
	}
	if _, v, ok := e.rule(t, &policy.SocketFamilies, t.arg(0)); !ok {
		return nil, v, false
	}
	family, typ, proto := int(t.fd(0)), int(kind&0xf), int(t.fd(2))
	switch {
	case typ > 10 || proto < 0: // SOCK_MAX
		return nil, fail(unix.EINVAL), false
	case family == unix.AF_UNIX && typ == unix.SOCK_RAW:
		typ = unix.SOCK_DGRAM // as the kernel has it
	}
	if family == unix.AF_UNIX {
		switch {
		case proto != 0 && proto != unix.AF_UNIX:
			return nil, fail(unix.EPROTONOSUPPORT), false
		case typ != unix.SOCK_STREAM && typ != unix.SOCK_DGRAM && typ != unix.SOCK_SEQPACKET:
			return nil, fail(unix.ESOCKTNOSUPPORT), false
		}
		return e.newSocket(t, family, typ, 0), verdict{}, true
	}
	if family == unix.AF_NETLINK {
		if errno := netlinkProtocol(typ, proto); errno != 0 {
			e.refuse(callName(t) + "(AF_NETLINK)")
			return nil, fail(errno), false
		}
		return e.newSocket(t, family, typ, proto), verdict{}, true
	}
	proto, errno := inetProtocol(typ, proto)
	if errno != 0 {
		if errno == unix.EPERM {
			e.refuse(callName(t) + "(SOCK_RAW)")
		}
		return nil, fail(errno), false
	}
	return e.newSocket(t, family, typ, proto), verdict{}, true
}

// kernelSocket has a call make a socket of the kernel's, or two, that stands for what the
// guest has asked for.
func (e *engine) kernelSocket(t *task, nr uint64, flags uint64) {
	e.setArg(t, 0, unix.AF_UNIX)
	e.setArg(t, 1, unix.SOCK_DGRAM|flags&(unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK))
	e.setArg(t, 2, 0)
	if nr != t.call.Nr {
		e.tr.SetNr(t.pid, nr)
	}
}

// socketEnter handles socket.
func socketEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketType(t)
	if !ok {
		return v
	}
	e.kernelSocket(t, unix.SYS_SOCKET, t.arg(1))
	return runThen(func(ret int64) {
		if e.exhausted(t, ret); ret >= 0 {
			e.leadsTo(t, int32(ret), s)
		}
	})
}

// leadsTo makes a descriptor of a task's lead to a socket.
func (e *engine) leadsTo(t *task, fd int32, s *socket) bool {
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return false
	}
	s.key = vfs.KeyOf(&st)
	e.socketTable[s.key], e.sockets = s, st.Dev
	n := e.fs.Created(s.key, "socket:", t.id(), t.nth(), e.owner())
	n.Wrote(&t.clk)
	e.holdSocket(t, s)
	return true
}

// socketpairEnter handles socketpair.
func socketpairEnter(e *engine, t *task) verdict {
	a, v, ok := e.socketType(t)
	if !ok {
		return v
	}
	if a.family != unix.AF_UNIX {
		return fail(unix.EOPNOTSUPP)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	b := e.newSocket(t, a.family, a.typ, a.proto)
	e.kernelSocket(t, unix.SYS_SOCKETPAIR, t.arg(1))
	return runThen(func(ret int64) {
		var fds [2]int32
		if e.exhausted(t, ret); ret != 0 || e.tr.ReadFull(t.pid, t.arg(3), bytesOf(&fds)) != 0 {
			return
		}
		if e.leadsTo(t, fds[0], a) && e.leadsTo(t, fds[1], b) {
			a.peer, b.peer = b, a
			a.peerCred, b.peerCred = a.owner, b.owner
			if a.connects() {
				a.state, b.state = sockConnected, sockConnected
			}
		}
	})
}

// socketOf is the socket that a task's descriptor leads to.
func (e *engine) socketOf(t *task, fd int32) (*socket, unix.Errno) {
	var st unix.Stat_t
	if errno := e.statFD(t, fd, &st); errno != 0 {
		return nil, errno
	}
	if s := e.socketTable[vfs.KeyOf(&st)]; s != nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		e.usesSocket(t, s)
		return s, 0
	}
	if fl, errno := e.flags(t, fd); errno != 0 || fl&unix.O_PATH != 0 {
		return nil, unix.EBADF
	}
	return nil, unix.ENOTSOCK
}

// socketArg is the socket that a call is about, when its turn has come.
func (e *engine) socketArg(t *task) (*socket, verdict, bool) {
	s, errno := e.socketOf(t, t.fd(0))
	if errno != 0 {
		return nil, fail(errno), false
	}
	if s.alone() {
		return s, verdict{}, true
	}
	if v, wait := e.serially(t); wait {
		return nil, v, false
	}
	return s, verdict{}, true
}

// holdSocket notes that a task has a descriptor of a socket.
func (e *engine) holdSocket(t *task, s *socket) {
	if slices.Contains(t.sockets, s) {
		t.duplicated(s)
		return
	}
	t.sockets = append(t.sockets, s)
	s.holders = append(s.holders, t.process)
}

// duplicated notes that a process may have several descriptors of a socket.
func (p *process) duplicated(s *socket) {
	if p.several == nil {
		p.several = make(map[*socket]bool)
	}
	p.several[s] = true
}

// socketAt is the socket that a descriptor of a task leads to, or nil.
func (e *engine) socketAt(t *task, fd int32) *socket {
	var st unix.Stat_t
	if len(t.sockets) == 0 || e.statFD(t, fd, &st) != 0 {
		return nil
	}
	return e.socketTable[vfs.KeyOf(&st)]
}

// closesSocket notes that a task is about to close a descriptor of a socket.
func (e *engine) closesSocket(t *task, fd int32, s *socket) {
	if t.several[s] {
		e.recountSockets(t, func(n int) bool { return n == int(fd) })
	} else if slices.Contains(t.sockets, s) {
		e.dropSocket(t, s)
	}
}

// dropSocket notes that a task has no descriptor of a socket any more.
func (e *engine) dropSocket(t *task, s *socket) {
	t.sockets = slices.DeleteFunc(t.sockets, func(o *socket) bool { return o == s })
	delete(t.several, s)
	s.holders = slices.DeleteFunc(s.holders, func(p *process) bool { return p == t.process })
	e.changes++
	e.abandoned(t, s)
}

// dropSockets notes that a task has no descriptors any more.
func (e *engine) dropSockets(t *task) {
	for len(t.sockets) > 0 {
		e.dropSocket(t, t.sockets[0])
	}
}

// inheritSockets gives a child its parent's sockets.
func (e *engine) inheritSockets(t, child *task) {
	for _, s := range t.sockets {
		e.holdSocket(child, s)
	}
	child.several = maps.Clone(t.several)
}

// recountSockets finds out which sockets a task still has, but for what its descriptors
// that without accepts lead to.
func (e *engine) recountSockets(t *task, without func(fd int) bool) {
	if len(t.sockets) == 0 {
		return
	}
	left := make(map[vfs.Key]bool)
	e.eachFD(t, func(fd int, st *unix.Stat_t) {
		if !without(fd) {
			left[vfs.KeyOf(st)] = true
		}
	})
	for _, s := range slices.Clone(t.sockets) {
		if !left[s.key] {
			e.dropSocket(t, s)
		}
	}
}

// abandoned closes a socket that nobody has any more.
func (e *engine) abandoned(t *task, s *socket) {
	if s.dead || len(s.holders) > 0 || s.inFlight > 0 {
		return
	}
	e.closeSocket(t, s, false)
}

// closeSocket closes a socket; refused says that it is a connection that nobody has accepted.
func (e *engine) closeSocket(t *task, s *socket, refused bool) {
	s.dead = true
	if e.socketTable[s.key] == s {
		delete(e.socketTable, s.key)
	}
	e.unbind(s)
	if s.state == sockConnecting {
		e.gaveUp(s)
	}
	for _, c := range s.arrived {
		e.closeSocket(t, c, true)
	}
	for _, c := range s.coming {
		e.resets(t, c, unix.ECONNREFUSED)
	}
	s.arrived, s.coming = nil, nil
	if p := s.peer; s.connects() && p != nil && !p.dead {
		e.hangsUp(t, s, p, refused)
	}
	for _, m := range s.queue {
		e.forget(t, m)
	}
	s.queue = nil
	e.changes++
}

// hangsUp tells one end of a connection that the other one has been closed.
func (e *engine) hangsUp(t *task, s, p *socket, refused bool) {
	unread := len(s.queue) > 0 || refused
	p.closed.Leave(&t.clk.Past)
	switch {
	case !s.inet():
		p.noRecv, p.noSend = true, true
		if unread {
			p.err = unix.ECONNRESET
		}
	case s.state == sockConnecting:
		return
	case unread || s.lingersNot():
		e.resets(t, p, unix.ECONNRESET)
		return
	default:
		p.noRecv = true
	}
	e.readyBoth(t, p)
}

// resets breaks a TCP connection off.
func (e *engine) resets(t *task, s *socket, why unix.Errno) {
	if s.state == sockReset {
		return
	}
	s.err = why
	if s.noRecv && why == unix.ECONNRESET {
		s.err = unix.EPIPE
	}
	s.state, s.noRecv, s.noSend = sockReset, true, true
	if why == unix.ECONNREFUSED {
		s.state, s.noRecv, s.noSend, s.peer = sockUnconnected, false, false, nil
	}
	e.readyBoth(t, s)
}

// shutdownEnter handles shutdown.
func shutdownEnter(e *engine, t *task) verdict {
	s, v, ok := e.socketArg(t)
	if !ok {
		return v
	}
	how := t.fd(1)
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return fail(unix.EINVAL)
	}
	recv, send := how != unix.SHUT_WR, how != unix.SHUT_RD
	if s.inet() {
		switch {
		case s.state == sockListening && recv:
			e.stopListening(t, s)
			return answer(0)
		case s.state != sockConnected && (s.connects() || s.peer == nil && !s.remote.bound()):
			return fail(unix.ENOTCONN)
		}
	}
	s.noRecv, s.noSend = s.noRecv || recv, s.noSend || send
	e.readyBoth(t, s)
	if p := s.peer; p != nil && s.connects() && !p.dead {
		p.noRecv = p.noRecv || send
		p.closed.Leave(&t.clk.Past)
		if !s.inet() {
			p.noSend = p.noSend || recv
		}
		e.readyBoth(t, p)
	}
	return answer(0)
}

// takeError returns the error that a socket holds, if any, and forgets it.
func (s *socket) takeError() unix.Errno {
	errno := s.err
	s.err = 0
	return errno
}
