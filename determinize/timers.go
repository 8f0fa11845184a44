package determinize

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// The timers of a process go by its own clock. One expires where the process comes to a
// call, or has had one answered, once its clock has passed that time; while the process
// waits, the end of the time is one of the things that it waits for. Nobody else can
// affect that, so that a timer needs no order among tasks.

// notify is what a timer does when it expires; timer_create(2).
type notify uint8

const (
	notifyProcess notify = iota // sends its process a signal
	notifyThread                // sends one thread a signal
	notifyNone                  // nothing: it can be asked
)

// timer is a timer of a process: one of the three of setitimer(2), or one that
// timer_create(2) has made.
type timer struct {
	id     int32 // of timer_create
	posix  bool  // made by it
	cpu    bool  // goes by the time that its process has spent
	offset int64 // what its clock shows more than the process's, which next is of
	notify notify
	sig    unix.Signal
	value  uint64 // that the signal comes with
	thread *task  // that it is for

	next     int64 // when it expires, nanoseconds; 0: never
	interval int64 // what it is then set to again, or 0
	sent     bool  // its signal has not been delivered: it expires no more until then
	queued   bool  // that is one of its own, and not one that was pending already
	set      int   // how often it was set
	overrun  int64 // how often it expired while the last signal was on its way
}

// maxTime is the latest time to which a timer can be set, in nanoseconds: later than any that
// passes, and such that intervals can be added to it.
const maxTime = 1 << 62

// maxOverrun is the most that timer_getoverrun(2) returns, DELAYTIMER_MAX.
const maxOverrun = 1<<31 - 1

// now is what a timer's clock shows a task, without its offset.
func (m *timer) now(t *task) int64 {
	if m.cpu {
		return int64(t.clk.Own())
	}
	return t.clk.Now()
}

// runs tells whether a timer's expiry is still to come about.
func (m *timer) runs() bool { return m.next != 0 && !m.sent && m.notify != notifyNone }

// missed is how many intervals have passed since a timer expired.
func (m *timer) missed(now int64) int64 {
	if m.interval == 0 || now < m.next {
		return 0
	}
	return (now - m.next) / m.interval
}

// again sets a timer that has expired to its next expiry.
func (m *timer) again(now int64) (missed int64) {
	missed = m.missed(now)
	if m.interval == 0 {
		m.next = 0
		return 0
	}
	m.next += (missed + 1) * m.interval
	return missed
}

// arm sets a timer. first and interval are nanoseconds; of an absolute time, which is
// its clock's.
func (m *timer) arm(t *task, first, interval int64, absolute bool) {
	m.set++
	m.sent, m.queued, m.overrun = false, false, 0
	m.interval = interval
	switch {
	case first == 0:
		m.next = 0
	case absolute:
		m.next = min(max(first-m.offset, 1), maxTime)
	default:
		m.next = min(m.now(t)+first, maxTime)
	}
}

// left is how long it is until a timer expires: 0 if it does not.
func (m *timer) left(t *task) int64 {
	now := m.now(t)
	switch {
	case m.next == 0, m.sent && (m.interval == 0 || !m.posix):
		return 0
	case now < m.next:
		return max(m.next-now-int64(time.Microsecond), 1) // the call takes as long
	case m.interval == 0 && m.notify == notifyNone:
		return 0
	case m.interval == 0:
		return 1 // it is about to
	}
	return m.interval - (now-m.next)%m.interval
}

// expire has the timers of a task's process expire whose time has come, in the order of their times.
func (e *engine) expire(t *task) {
	if t.busySleeps {
		e.changes++
	}
	for len(t.timers) > 0 {
		var due *timer
		late := int64(-1)
		for _, m := range t.timers {
			if l := m.now(t) - m.next; m.runs() && l > late {
				due, late = m, l
			}
		}
		if due == nil {
			return
		}
		e.expires(t, due)
	}
}

// expires sends a timer's signal.
func (e *engine) expires(t *task, m *timer) {
	e.changes++
	u := m.thread
	if u == nil {
		u = e.addressee(t.process, m.sig)
	} else if u.state == stateDead || u.state == stateLeft || u.process != t.process {
		m.again(m.now(t))
		return
	}
	s, _ := e.signalState(u)
	bit := sigBit(m.sig)
	if s.blocked&bit == 0 && s.ignores(m.sig) {
		m.again(m.now(t))
		return
	}
	m.sent = true
	if m.sig < sigRTMin && s.pending&bit != 0 {
		return // one signal is as good as two; a timer of its own kind comes after it
	}
	e.queue(t, u, m)
}

// queue sends the signal of a timer that has expired.
func (e *engine) queue(t, u *task, m *timer) {
	m.queued = true
	l := letter{sig: m.sig, at: t.stamp(), edge: t.clk.Edge, timer: m, set: m.set, thread: m.thread != nil}
	binary.LittleEndian.PutUint32(l.info[:], uint32(m.sig))
	if m.posix {
		code := int32(siTimer)
		binary.LittleEndian.PutUint32(l.info[siCode:], uint32(code))
		binary.LittleEndian.PutUint32(l.info[siTimerID:], uint32(m.id))
		binary.LittleEndian.PutUint64(l.info[siValue:], m.value)
	} else {
		binary.LittleEndian.PutUint32(l.info[siCode:], siKernel)
	}
	e.raise(t, l.at)
	e.post(u, &l)
}

// shown deals with a signal that a task is shown now: the timers that sent it, or would
// have, go on.
func (e *engine) shownSignal(t *task, sig unix.Signal, l *letter) {
	if m := l.timer; m != nil && m.set == l.set && m.sent {
		m.sent, m.queued = false, false
		m.overrun = min(m.again(m.now(t)), maxOverrun)
		if m.posix {
			binary.LittleEndian.PutUint32(l.info[siOverrun:], uint32(m.overrun))
		}
		e.changes++
	}
	for _, m := range t.timers {
		if m.sig != sig || !m.sent || m.queued {
			continue
		}
		e.changes++
		if m.posix { // its own signal comes next
			u := m.thread
			if u == nil {
				u = e.addressee(t.process, sig)
			}
			e.queue(t, u, m)
			return
		}
		m.sent = false
		m.again(m.now(t))
	}
}

// nextTimer is when the next timer of a task's process expires that goes by the time that
// passes while it waits; of those that it spends computing if spent.
func (e *engine) nextTimer(t *task, spent bool) (deadline int64, ok bool) {
	var of *task
	var s signalSets
	for _, m := range t.timers {
		if !m.runs() || m.cpu != spent || ok && m.next >= deadline {
			continue
		}
		u := m.thread
		if u == nil {
			u = t
		}
		if u != of {
			of = u
			s, _ = e.signalState(u)
		}
		if s.blocked&sigBit(m.sig) == 0 && s.ignores(m.sig) {
			continue // it does nothing
		}
		deadline, ok = m.next, true
	}
	return deadline, ok
}

// soonest is the least time at which a timer of a process may expire that does not go by the time
// spent, or 0.
func (p *process) soonest() (at int64) {
	for _, m := range p.timers {
		if m.runs() && !m.cpu && (at == 0 || m.next < at) {
			at = m.next
		}
	}
	return at
}

// alarm is when a task that waits is to look again because of a timer.
func (e *engine) alarm(t *task) (deadline int64, ok bool) {
	deadline, ok = e.nextTimer(t, false)
	if t.state == stateBlocked && t.wait.alarm != nil {
		if d, is := t.wait.alarm(); is && (!ok || d < deadline) {
			deadline, ok = d, true
		}
	}
	return deadline, ok
}

// timersExec keeps those timers that survive an exec: not those of timer_create. Those that
// go by the time spent go on with what was left, since that is counted anew.
func (t *task) timersExec() {
	kept := t.timers[:0]
	for _, m := range t.timers {
		if m.posix {
			continue
		}
		if m.cpu && m.next != 0 {
			m.next = max(m.next-int64(t.clk.Own()), 1)
		}
		kept = append(kept, m)
	}
	t.timers = kept
}

// sigBit is a signal in a signal mask.
func sigBit(sig unix.Signal) uint64 { return 1 << (sig - 1) }

// ignores tells whether a signal has no effect.
func (s *signalSets) ignores(sig unix.Signal) bool {
	return (s.ignored|quietSignals&^s.caught)&sigBit(sig) != 0
}

// letsIn tells whether a thread does not block a signal.
func (e *engine) letsIn(u *task, sig unix.Signal) bool {
	s, ok := e.signalState(u)
	mask := s.blocked
	if u.masked {
		mask = u.mask
	}
	return ok && mask&sigBit(sig) == 0
}

// addressee is the thread that gets a signal for its process: the first one, if it does not block
// it, or the oldest that does not; signal(7).
func (e *engine) addressee(p *process, sig unix.Signal) *task {
	switch len(p.threads) {
	case 0:
		return p.leader // it ends
	case 1:
		return p.threads[0]
	}
	for _, u := range p.threads {
		if u.state != stateLeft && u.state != stateDead && e.letsIn(u, sig) {
			return u
		}
	}
	// All block it: who waits for it may be any of them.
	for _, u := range p.threads {
		if u.state == stateBlocked && u.call.Nr == unix.SYS_RT_SIGTIMEDWAIT {
			return u
		}
	}
	return p.threads[0]
}

// alarmTurn is what a task does at a deadline of its timers: it notes that they have
// expired, and waits on or is interrupted.
func (e *engine) alarmTurn(t *task, deadline int64) func() {
	return func() {
		t.clk.Reach(deadline)
		e.expire(t)
		e.changes++
		e.park(t, stateBlocked)
	}
}

// spunTurn is what a task does that was stopped where it computes, and has a timer: it is
// shown its signal there.
func (e *engine) spunTurn(t *task) turn {
	if !t.alarmed {
		return turn{}
	}
	at := t.stamp()
	if d, ok := e.nextTimer(t, true); ok {
		return e.spun(t, at.At(at.B+uint64(max(d-int64(t.clk.Own()), 0)/int64(time.Microsecond))), func() { t.clk.Spend(d) })
	}
	if d, ok := e.nextTimer(t, false); ok {
		return e.spun(t, at.At(t.wakeAt(d)), func() { t.clk.Reach(d) })
	}
	return turn{}
}

// spun is the turn of such a task, at which some time passes.
func (e *engine) spun(t *task, at sched.Stamp, pass func()) turn {
	return turn{at: at, order: at, scope: e.everybody(t), b: t.clk.B, timed: true, act: func() {
		t.alarmed, t.computed = false, 0
		pass()
		e.expire(t)
		e.park(t, stateReady)
	}}
}
