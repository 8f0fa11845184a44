package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// pollWriteBand is POLLWRBAND.
const pollWriteBand = 0x200

// hasEnded is what poll shows of the end of what can be received.
const hasEnded = pollIn | unix.POLLRDHUP

// ready is what can be done with a socket without waiting; unix_poll and tcp_poll of the
// kernel.
func (s *socket) ready(*engine, *task) (r int16) {
	if s.err != 0 {
		r |= unix.POLLERR
	}
	if s.state == sockListening {
		if len(s.arrived) > 0 {
			r |= pollIn
		}
		return r
	}
	if s.noRecv && s.noSend || s.connects() && (s.state == sockUnconnected || s.state == sockReset) {
		r |= unix.POLLHUP
	}
	if s.noRecv {
		r |= hasEnded
	}
	if len(s.queue) > 0 {
		r |= pollIn
	}
	if s.state == sockConnecting {
		return r
	}
	if p := s.peer; p != nil && s.typ != unix.SOCK_STREAM && !s.inet() && p.peer != s && len(p.queue) > maxQueue {
		return r
	}
	if s.roomy() || s.inet() && s.noSend {
		r |= pollOut
		if !s.inet() || !s.streams() {
			r |= pollWriteBand
		}
	}
	return r
}

// since is since when some of what is asked of a socket can be done.
func (s *socket) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	r := s.ready(e, t) & asked
	if r&^pollOut == 0 {
		return s.outAt, r != 0
	}
	return s.inAt, true
}
