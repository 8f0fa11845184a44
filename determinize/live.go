package determinize

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A live box has an outside that can wake it: a terminal, or a standard input that is read
// as it comes. While a task of it waits for that, times do not pass at once, which they do
// elsewhere when everybody waits, but as they pass outside: the box's clock goes no faster
// then. What comes first, the input or the time, is the outside's doing, which taints.

// TaintLive is the kind of the taint of a box in which a time was up before input came.
const TaintLive = "live"

// TaintInput is the kind of the taint of a container that has used input, as it came.
const TaintInput = "input"

// lull is how long the engine sleeps while the box waits for what is typed.
const lull = 10 * time.Millisecond

// outsideTime is the time that passes outside, since some moment. It decides nothing in a
// box that does not wait for input.
func outsideTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// canHear tells whether input can still come from outside.
func (e *engine) canHear() bool {
	return e.cfg.Live && e.cfg.Stdin != nil && !e.stdinEnded || e.cfg.Terminal != nil && e.cfg.Terminal.Typing()
}

// listens tells whether somebody outside may wake a task that waits.
func (e *engine) listens() bool { return e.cfg.Service || e.awaitsInput() }

// awaitsInput tells whether a task waits for input that can still come.
func (e *engine) awaitsInput() bool {
	if !e.canHear() {
		return false
	}
	for _, t := range e.live {
		if t.state == stateBlocked && t.wait.input {
			return true
		}
	}
	return false
}

// inRealTime makes a time that is up for a task in a live box wait until it is outside, too.
func (e *engine) inRealTime(t *task, u turn) turn {
	if !u.timed || !e.listens() {
		return u
	}
	up := t.wait.since + time.Duration(u.at.B-min(u.at.B, t.wait.sinceB))*time.Microsecond
	if left := up - outsideTime(); left > 0 {
		e.upIn = min(e.upIn, left)
		return turn{again: true} // nobody says when
	}
	act := u.act
	if !e.awaitsInput() {
		return u // nobody can tell
	}
	u.act = func() {
		e.taint(TaintLive, "its time was up while the box waited for input", t)
		act()
	}
	return u
}

// waitsOutside waits, in a container whose processes all wait, for somebody's time to be up, for
// input, or for a signal from outside. It costs nothing meanwhile.
func (e *engine) waitsOutside() error {
	e.upIn = time.Hour
	for _, t := range e.live {
		e.turnOf(t)
	}
	if e.awaitsInput() {
		if e.cfg.Live && e.cfg.Stdin != nil && !e.stdinEnded && len(e.stdin) < maxInput {
			e.hears(&e.ears[0], int(e.cfg.Stdin.Fd()))
		}
		// What is there already nobody waits for.
		if fd := e.ear(); fd >= 0 && !inputAt(fd) {
			e.hears(&e.ears[1], fd)
		}
	}
	over := make(chan struct{})
	go e.wakesIn(min(e.upIn, attention), over)
	e.resting.Store(true)
	pid, ws, errno := e.tr.Rest()
	e.resting.Store(false)
	close(over)
	switch {
	case errno == 0:
		e.event(pid, ws)
	case errno != unix.EINTR:
		return fmt.Errorf("wait for the box's tasks: %w", errno)
	}
	if e.input.Swap(false) {
		e.takeInput()
	}
	for _, t := range e.tasks {
		t.raised = t.raised || t.state == stateBlocked
	}
	e.changes++
	if err := e.failed(); err != nil {
		return err
	}
	return e.outside()
}

// heard notes that something of a container's has come to depend on what somebody outside does, and when: in
// boxes whoever starts them says so.
func (e *engine) heard(what string) {
	if e.cfg.Service {
		e.taint(TaintInput, what, nil)
	}
}

// again is after how long a nudge is repeated: one that comes just before the thread waits is
// lost.
const again = 5 * time.Millisecond

// attention is how long a signal that somebody outside sends to a process that waits, and is stopped meanwhile,
// may go unnoticed: the kernel tells of none but SIGKILL.
const attention = 100 * time.Millisecond

// wakesIn interrupts the engine's thread after a time, unless it is over before.
func (e *engine) wakesIn(d time.Duration, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(d):
			e.nudge()
			d = again
		}
	}
}

// An ear waits for input beside the engine's thread.
type ear struct {
	busy atomic.Bool // it waits, or tells of some
}

// hears interrupts the engine's thread once when a descriptor can be read.
func (e *engine) hears(a *ear, fd int) {
	if !a.busy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for n, err := 0, error(unix.EINTR); n <= 0 && err == unix.EINTR; {
			n, err = unix.Poll(fds, -1)
		}
		e.input.Store(true)
		for e.input.Load() {
			e.nudge()
			time.Sleep(again)
		}
		a.busy.Store(false)
	}()
}

// listen waits for input, or until somebody's time is up.
func (e *engine) listen() {
	e.upIn = time.Hour
	for _, t := range e.live {
		e.turnOf(t)
	}
	wait := e.upIn
	var fds []unix.PollFd
	if e.cfg.Terminal != nil && e.cfg.Terminal.Typing() {
		wait = min(wait, lull) // what is typed may have been a signal
	}
	if e.cfg.Live && e.cfg.Stdin != nil && !e.stdinEnded {
		fds = append(fds, unix.PollFd{Fd: int32(e.cfg.Stdin.Fd()), Events: unix.POLLIN})
	}
	unix.Poll(fds, int(wait.Milliseconds())+1)
	e.takeInput()
	for _, t := range e.tasks {
		t.raised = t.raised || t.state == stateBlocked
	}
	e.changes++
}

// takeInput takes what has come on standard input.
func (e *engine) takeInput() {
	if !e.cfg.Live || e.cfg.Stdin == nil {
		return
	}
	fds := []unix.PollFd{{Fd: int32(e.cfg.Stdin.Fd()), Events: unix.POLLIN}}
	for !e.stdinEnded && len(e.stdin) < maxInput {
		if n, err := unix.Poll(fds, 0); err == unix.EINTR {
			continue
		} else if n <= 0 || e.fillStdin(len(e.stdin)+1) != 0 {
			return
		}
	}
}

// maxInput is how much of standard input is taken before somebody reads it, in bytes.
const maxInput = 1 << 20
