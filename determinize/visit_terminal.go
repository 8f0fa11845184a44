package determinize

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The terminal of a process that has joined the box is one that the engine does not know, but that
// somebody types at. It must not be kept open: who has its other end waits until nobody has it.

// visitEar waits for input of such a terminal, beside the engine's thread, as long as somebody in the
// box does.
type visitEar struct {
	fd    int
	over  atomic.Bool // nobody does any more
	heard atomic.Bool
}

// hearsVisit has somebody wait for input of a task's terminal.
func (e *engine) hearsVisit(t *task, fd int32) {
	if t.visit.ear != nil {
		return
	}
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return
	}
	a := &visitEar{fd: local}
	t.visit.ear = a
	go func() {
		const look = 100 // milliseconds
		fds := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
		for n := 0; n <= 0 && !a.over.Load(); {
			n, _ = unix.Poll(fds, look)
		}
		unix.Close(a.fd)
		a.heard.Store(true)
		e.stir(func() bool { return !a.over.Load() })
	}()
}

// deaf ends that: whoever still waits begins anew.
func (v *visit) deaf() {
	if v.ear != nil {
		v.ear.over.Store(true)
		v.ear = nil
	}
}
