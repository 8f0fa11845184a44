package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// Connections as ends of sendfile and splice.

// socketRoom looks whether a connection takes bytes. ok is false if it does not, now or at all.
func (e *engine) socketRoom(t *task, out *end) (v verdict, ok bool) {
	s := e.socketTable[out.key]
	if !s.streams() {
		e.refuse(callName(t) + "(datagrams)")
		return fail(unix.EINVAL), false
	}
	if v, bad := e.cannotStream(t, s, &outgoing{}); bad {
		return v, false
	}
	if s.sent < s.sndbuf {
		return verdict{}, true
	}
	if out.flags&unix.O_NONBLOCK != 0 {
		return fail(unix.EAGAIN), false
	}
	return block(saying("room in a socket"), e.everybody(t), func() (sched.Stamp, bool) {
		return s.outAt, s.roomy() || s.noSend || s.err != 0 || s.peer == nil || s.peer.dead || s.peer.noRecv
	}), false
}

// takeSocket looks at what has come along a connection.
func (e *engine) takeSocket(t *task, in *end, n int) (data []byte, v verdict, ok bool) {
	s := e.socketTable[in.key]
	if !s.streams() {
		e.refuse(callName(t) + "(datagrams)")
		return nil, fail(unix.EINVAL), false
	}
	if len(s.queue) > 0 {
		m := s.queue[0]
		t.clk.Receive(m.edge)
		return m.data[:min(n, len(m.data))], verdict{}, true
	}
	if v, ok := s.nothing(t, &incoming{}); ok {
		return nil, v, false
	}
	if in.flags&unix.O_NONBLOCK != 0 {
		return nil, fail(unix.EAGAIN), false
	}
	return nil, block(saying("bytes from a socket"), e.everybody(t), func() (sched.Stamp, bool) { return s.inAt, s.readable() }), false
}

// takenSocket consumes what was moved.
func (e *engine) takenSocket(t *task, s *socket, n int) {
	m := s.queue[0]
	if m.data = m.data[n:]; len(m.data) == 0 {
		s.queue = s.queue[1:]
		e.forget(t, m)
	}
}
