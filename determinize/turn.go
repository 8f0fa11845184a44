package determinize

import (
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// Whose turn it is. A task that does not run waits before a call, in one, or to go
// on; turnOf says what it would do next and when, in the order of the canonical run,
// and clear whether that is certain already.

// wait is what a blocked task waits for.
type wait struct {
	why func() string // for people
	// event is the stamp of what the task waits for, once it has happened; nil if it
	// waits for a signal or a time only.
	event func() (at sched.Stamp, ok bool)
	then  func() verdict // what to do then; nil: decide the call again
	// first says that the event is chosen among several by its own stamp, and not by
	// when the task goes on because of it.
	first  bool
	scope  sched.Scope    // who can bring about something that comes before the event; nil: everybody
	wakers sched.Scope    // who can cause the event; nil: who is in scope
	wake   uint64         // the B at which time is up, or 0
	timeUp func() verdict // what to do then
	// alarm is a time, on the task's clock, at which the event may come about; nil: none.
	alarm  func() (deadline int64, ok bool)
	broken func() verdict // what to do when a signal arrives; nil: interrupt restarts the call

	input  bool          // it may be ended by input from outside
	since  time.Duration // in a live box: the outside's time when it began, at B sinceB
	sinceB uint64
}

// turn is what a task does next. No act: it cannot go on.
type turn struct {
	at    sched.Stamp // when
	order sched.Stamp // what it must be clear of, at most at
	scope sched.Scope
	act   func()
	b     uint64 // of the task from then on
	again bool   // nothing, but that may change by itself

	signal bool // it is for a signal
	timed  bool // it is for the end of a time only
}

// due is a turn of a blocked task, as of a number of changes.
type due struct {
	known   bool
	changes uint64
	turn    turn
}

// stamp is when the call happens that the task is in.
func (t *task) stamp() sched.Stamp { return sched.Stamp{B: t.clk.B, Path: t.path} }

// shown is when its parent is told of a task's end.
func (t *task) shown() sched.Stamp { return t.stamp().At(t.floor) }

// sync tells the order what a task is doing.
func (t *task) sync() {
	o := &t.ord
	o.Phase, o.Next, o.Wakers = sched.Active, t.clk.B, nil
	switch t.state {
	case stateRunning:
		if t.exit == nil {
			o.Next++ // it is between two calls
		}
	case stateDying:
		o.Next = 0
	case stateBlocked:
		o.Phase, o.Next, o.Wakers = sched.Waiting, sched.Never, t.wakers
		switch {
		case t.due.known && t.due.turn.act != nil:
			o.Next = t.due.turn.at.B
		case t.due.known:
		case len(t.timers) > 0, t.wait.alarm != nil:
			o.Next = t.clk.B // as far as is known
		case t.wait.wake != 0:
			o.Next = max(t.clk.B, t.wait.wake)
		}
	case stateVfork:
		o.Phase, o.Next, o.Wakers = sched.Waiting, sched.Never, t.wakers
	case stateStopped:
		o.Phase, o.Next, o.Wakers = sched.Waiting, sched.Never, t.wakers
	case stateExiting:
		if o.Next = t.shown().B; !t.endsInTurn() {
			o.Phase = sched.Gone // it shows where its parent looks
		}
	case stateSpin, stateDead, stateLeft:
		o.Phase = sched.Gone
	}
}

// wakers visits those who can wake a task.
func (t *task) wakers(visit func(*sched.Task)) {
	if t.state == stateBlocked {
		t.wait.wakers(visit)
	}
	if t.state == stateBlocked {
		if t.chldCaught {
			t.children(visit)
		}
		return
	}
	for _, k := range t.kids {
		visit(&k.ord)
	}
}

// foresee finds out who of those that wait will go on by what has happened.
func (e *engine) foresee() {
	if e.foreseen == e.changes {
		return
	}
	e.foreseen = e.changes
	for _, t := range e.live {
		if t.state == stateBlocked {
			e.turnOf(t)
			t.sync()
		}
	}
}

// turnOf says what a task does next.
func (e *engine) turnOf(t *task) turn {
	at := t.stamp()
	switch t.state {
	case stateReady:
		return turn{at: at, act: func() { e.resume(t) }, b: at.B}
	case stateOrdered:
		if t.gate != nil && !t.gate() {
			return turn{}
		}
		return turn{at: at, order: at, scope: t.scope, b: at.B, act: func() {
			t.gate = nil
			if point := t.point; point {
				t.point = false
				if e.letGoBefore(t, at) {
					t.later = func() { e.decide(t) }
					e.park(t, stateReaping)
					return
				}
			}
			e.decide(t)
		}}
	case stateReaping:
		if t.reaping > 0 {
			return turn{}
		}
		return turn{at: at, act: func() {
			f := t.later
			t.later = nil
			f()
		}, b: at.B}
	case stateExiting:
		if !t.endsInTurn() {
			return turn{}
		}
		at := t.shown()
		act := func() { e.letEnd(t) }
		if t == e.root {
			act = e.endsRoot
		}
		return turn{at: at, order: at, scope: e.everybody(t), act: act, b: at.B}
	case stateSpin:
		return e.spunTurn(t)
	case stateBlocked:
		if !t.due.known || t.due.changes != e.changes {
			u := e.inRealTime(t, e.dueOf(t))
			t.due = due{!u.again, e.changes, u}
		}
		return t.due.turn
	}
	return turn{}
}

// dueOf says what a blocked task does next: of an event, a signal and the end of its
// time, what comes first.
func (e *engine) dueOf(t *task) turn {
	var d sched.Due
	w, own := &t.wait, t.stamp()
	if w.event != nil {
		if event, ok := w.event(); ok {
			at := own.After(event)
			if d.Offer(sched.Event, at, at); w.first {
				d.Order = event
			}
		}
	}
	if len(t.inbox) > 0 {
		at := own.After(t.inbox[0].at)
		d.Offer(sched.Letter, at, at)
	}
	if at, ok := e.signalAt(t); ok {
		d.Offer(sched.Signal, at, at)
	}
	deadline, timer := e.alarm(t)
	if timer {
		at := own.At(t.wakeAt(deadline))
		d.Offer(sched.Alarm, at, at)
	}
	if w.wake != 0 {
		at := own.At(w.wake)
		d.Offer(sched.Time, at, at)
	}
	u := turn{at: d.At, order: d.Order, scope: w.scope, b: d.At.B}
	switch d.Cause {
	case sched.Event:
		u.act = func() {
			if w := t.wait; w.then != nil {
				e.apply(t, w.then())
			} else {
				e.decide(t)
			}
		}
	case sched.Letter:
		u.b, u.scope = t.clk.B, w.wakers
		u.act = func() {
			e.collect(t, d.At)
			e.park(t, stateBlocked)
		}
	case sched.Signal:
		u.signal, u.scope = true, w.wakers
		u.act = func() {
			if !t.halting && !e.deliverable(t) {
				t.raised = false // until the next one
				e.park(t, stateBlocked)
				return
			}
			e.apply(t, t.wait.broken())
		}
	case sched.Alarm:
		u.b, u.scope, u.timed = t.clk.B, e.everybody(t), true
		u.act = e.alarmTurn(t, deadline)
	case sched.Time:
		u.timed = true
		u.b, u.scope = t.clk.B, e.everybody(t)
		u.act = func() {
			wake := t.wait.wake
			v := t.wait.timeUp()
			t.clk.B = max(t.clk.B, wake) // other threads have moved their clock on meanwhile
			e.apply(t, v)
		}
	}
	return u
}

// signalAt is when a signal ends what a blocked task waits for. ok is false when none
// would.
func (e *engine) signalAt(t *task) (at sched.Stamp, ok bool) {
	if t.halting {
		return t.stamp(), true
	}
	if t.raised && e.deliverable(t) {
		at, ok = t.stamp().After(t.raisedAt), true
	}
	if !t.chldCaught {
		return at, ok
	}
	for _, k := range t.kids {
		if k.state != stateExiting {
			continue
		}
		if a := t.stamp().After(k.shown()); (!ok || a.Before(at)) && e.wouldBreak(t, unix.SIGCHLD) {
			at, ok = a, true
		}
	}
	return at, ok
}

// clear tells whether a task can go on: nobody can come before it who matters to it.
func (e *engine) clear(t *task, u *turn) bool {
	if u.scope == nil && (t.state != stateBlocked || !t.chldCaught) || e.cfg.Unpinned.Has(PinSchedule) {
		return true
	}
	if by := t.heldBy; by != nil && by.gate == nil && by.ord.Phase == sched.Active && by.ord.Stamp().Before(u.order) && t.heldAt == u.order.B && t.heldFloors == e.floors {
		return false // still
	}
	scope := u.scope
	if scope == nil {
		scope = nobody
	}
	by, ok := e.clearBut(t, u.order, scope)
	if ok && t.state == stateBlocked && t.chldCaught {
		by, ok = e.turns.Clear(&t.ord, u.at, t.children)
	}
	t.heldBy, t.heldAt, t.heldFloors = nil, u.order.B, e.floors
	if !ok {
		t.heldBy, _ = by.Of.(*task)
	}
	return ok
}

func nobody(func(*sched.Task)) {}

// children visits what a task is told of its children's ends. A subreaper may get another one
// wherever somebody dies.
func (t *task) children(visit func(*sched.Task)) {
	for _, k := range t.kids {
		visit(&k.end)
	}
	if t.orphans != nil {
		t.orphans(visit)
	}
}

// proceed has a task do what it does next.
func (e *engine) proceed(t *task, u *turn) {
	t.heldBy = nil
	e.be(t)
	t.takeTime()
	if t.state == stateOrdered {
		e.crowd.held++
	}
	if t.state == stateBlocked {
		if u.signal || u.at.B > t.clk.B {
			t.calls = 0 // it had to wait
		}
		t.clk.B = max(t.clk.B, u.b)
		t.lastPoint, t.pointLate = t.clk.B, !e.serial
		if e.collect(t, u.at); e.letGoBefore(t, u.at) {
			t.later = u.act
			e.park(t, stateReaping)
			return
		}
	}
	u.act()
}
