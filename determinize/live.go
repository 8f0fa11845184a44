package determinize

import (
	"fmt"
	"slices"
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
	for _, s := range e.sources {
		if s.live && !s.ended {
			return true
		}
	}
	return e.cfg.Terminal != nil && e.cfg.Terminal.Typing()
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
// input, or for a signal from outside. It costs next to nothing meanwhile.
func (e *engine) waitsOutside() error {
	e.upIn = time.Hour
	for _, t := range e.live {
		e.turnOf(t)
	}
	// What is there already nobody waits for.
	if fd := e.earFD(); fd >= 0 && e.awaitsInput() && !inputAt(fd) {
		e.hearsTTY(fd)
	}
	over := make(chan struct{})
	go e.wakesIn(min(e.upIn, e.attention()), over)
	e.resting.Store(true)
	pid, ws, errno := e.tr.Rest()
	e.resting.Store(false)
	close(over)
	switch {
	case errno == 0:
		e.glances = 0
		e.event(pid, ws)
	case errno != unix.EINTR:
		return fmt.Errorf("wait for the box's tasks: %w", errno)
	}
	e.glances++
	e.looksAround()
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
// may go unnoticed, by a key or kill(2): the kernel tells of none but SIGKILL. Of those that the runtime's own
// commands send Run.Stir tells. Who has waited for long is looked at less often: a service that idles costs nothing.
func (e *engine) attention() time.Duration {
	if e.earFD() >= 0 || slices.ContainsFunc(e.live, func(t *task) bool { return t.visit != nil && t.visit.terminal }) {
		return 100 * time.Millisecond
	}
	const seldom = 2 // doublings
	return time.Second << min(e.glances, seldom)
}

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

// An ear waits for input of a terminal beside the engine's thread.
type ear struct {
	busy  atomic.Bool // it waits, or tells of some
	heard atomic.Bool // it tells
}

// hearsTTY interrupts the engine's thread once when a terminal can be read.
func (e *engine) hearsTTY(fd int) {
	a := &e.ear
	if !a.busy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for n, err := 0, error(unix.EINTR); n <= 0 && err == unix.EINTR; {
			n, err = unix.Poll(fds, -1)
		}
		a.heard.Store(true)
		e.stir(a.heard.Load)
		a.busy.Store(false)
	}()
}

// stir has the engine's thread look at what has come from outside, which may end what somebody
// waits for, as long as it is still there.
func (e *engine) stir(still func() bool) {
	for e.stirred.Store(true); still(); time.Sleep(again) {
		e.stirred.Store(true)
		e.nudge()
	}
}

// stirs takes what has come from outside.
func (e *engine) stirs() {
	e.stirred.Store(false)
	e.ear.heard.Store(false)
	for _, t := range e.live {
		if v := t.visit; v != nil && v.ear != nil && v.ear.heard.Load() {
			v.deaf()
		}
	}
	for _, s := range e.sources {
		if s.arrived.Load() {
			e.takeInput(s)
			s.arrived.Store(false)
		}
	}
	e.looksAround()
}

// looksAround has those that wait look again, for a signal too: somebody outside may have sent one.
func (e *engine) looksAround() {
	e.lookedAt = outsideTime()
	for _, t := range e.tasks {
		t.raised = t.raised || t.state == stateBlocked
	}
	e.changes++
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
	for _, s := range e.sources {
		if s.live && !s.ended {
			fds = append(fds, unix.PollFd{Fd: int32(s.file.Fd()), Events: unix.POLLIN})
		}
	}
	unix.Poll(fds, int(wait.Milliseconds())+1)
	for _, s := range e.sources {
		e.takeInput(s)
	}
	e.looksAround()
}
