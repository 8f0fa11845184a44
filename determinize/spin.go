package determinize

import "time"

// A process that computes is never interrupted, so that one that waits in a loop
// for what another would have to do, without a call, would have the box wait for
// ever. After a long time it is stopped, wherever it is, and the others go on. How
// far it has come is then the machine's doing: the verdict is tainted.

// timerSpin is how long a process computes before those go on who only wait for a
// time or to send a signal.
const timerSpin = 10 * time.Second

// One that was stopped goes on when nobody else can, or after so many stops of others,
// for a shorter time: they may look again and again for what it will do.
const (
	spinSlice = 100 * time.Millisecond
	spinTurns = 256
)

// A spell is since when a task has computed, as far as the engine has looked: at so
// many events of it, when it had used so much CPU time.
type spell struct {
	looked bool
	events uint64
	start  time.Duration
	used   time.Duration // since then
}

// watch has the engine look, now and then, at tasks that make no calls, until the box
// has ended: at those that spin, and at those that compute where others stop.
func (r *Run) watch() {
	const often, seldom = 50 * time.Millisecond, time.Second
	wait := often
	for r.every(wait) {
		if wait = often; r.e.resting.Load() {
			wait = seldom // nobody computes
			continue
		}
		r.e.nudge()
	}
}

// every waits for a while; it returns false when the box has ended.
func (r *Run) every(d time.Duration) bool {
	select {
	case <-r.done:
		return false
	case <-time.After(d):
		return true
	}
}

// lookForSpins stops tasks that have computed for too long while others could go on.
func (e *engine) lookForSpins() {
	if e.cfg.SpinLimit <= 0 || e.paused.Load() {
		return
	}
	for _, t := range e.live {
		if t.state != stateRunning || t.spinning {
			continue
		}
		s := &t.spell
		if now := e.cfg.CPUTime(t.first); !s.looked || s.events != t.events {
			*s = spell{looked: true, events: t.events, start: now}
		} else if s.used = now - s.start; s.used >= e.leastPatience(t) {
			t.alarmed = t.computed+s.used >= e.ownPatience(t)
			t.spinning = (t.alarmed || s.used >= e.patience(t)) && e.stop(t)
		}
	}
}

// leastPatience is how long a task may compute, whoever waits.
func (e *engine) leastPatience(t *task) time.Duration {
	if t.spins > 0 {
		return spinSlice
	}
	return min(timerSpin, e.cfg.SpinLimit)
}

// patience is how long a task that runs may compute.
func (e *engine) patience(t *task) time.Duration {
	if len(t.inbox) > 0 {
		return e.leastPatience(t)
	}
	p := time.Duration(1<<63 - 1) // nobody waits
	e.foresee()
	for _, u := range e.live {
		turn := e.turnOf(u)
		switch {
		case u.state == stateSpin, u.state == stateReady, u.state == stateOrdered && e.serial:
			p = min(p, e.limit(t))
		case u.state == stateOrdered && turn.act == nil: // waits for the start of programs
			return e.leastPatience(t)
		case turn.act == nil || !e.serial && e.clear(u, &turn):
		case u.state == stateBlocked && turn.timed:
			p = min(p, e.skips(t, time.Duration(turn.at.B-t.clk.B)*time.Microsecond))
		case u.state == stateBlocked && u.wait.event == nil, u.state == stateOrdered && u.kills():
			return e.leastPatience(t)
		default:
			p = min(p, e.limit(t))
		}
	}
	return p
}

// skips is how long a task may compute before a time passes without it: as long as that
// natively takes, if it is more than the least patience.
func (e *engine) skips(t *task, passes time.Duration) time.Duration {
	if t.spins > 0 {
		return spinSlice
	}
	return min(max(timerSpin, passes), e.cfg.SpinLimit)
}

// ownPatience is how long a task may compute before a timer of its own expires: as long as it
// has to go, if that is more than the least patience.
func (e *engine) ownPatience(t *task) time.Duration {
	passes, any := e.nextTimer(t, false)
	passes -= t.clk.Now()
	if d, ok := e.nextTimer(t, true); ok && (!any || d-int64(t.clk.Own()) < passes) {
		passes, any = d-int64(t.clk.Own()), true
	}
	switch {
	case !any:
		return 1<<63 - 1
	case t.spins > 0:
		return min(max(spinSlice, time.Duration(passes)), e.cfg.SpinLimit)
	}
	return e.skips(t, time.Duration(passes))
}

// limit is how long a task may compute while somebody waits for it.
func (e *engine) limit(t *task) time.Duration {
	if t.spins > 0 {
		return spinSlice
	}
	return e.cfg.SpinLimit
}

// spins parks a task that has been stopped where it computes.
func (e *engine) spins(t *task) {
	t.spinning = false
	e.taint("spin", "it computed for so long, without a call, that others went on", t)
	t.spins++
	t.computed += t.spell.used
	t.spunAt = e.stops
	e.uncount(t)
	e.changes++
	e.park(t, stateSpin)
	for _, l := range t.inbox {
		e.mail(t, &l)
	}
	t.inbox = nil
}

// spinsOn lets a task that was stopped while it computed go on after others have for long.
func (e *engine) spinsOn() {
	if t := e.spinner(); t != nil && e.stops-t.spunAt >= spinTurns && (!e.serial || e.transit == 0) {
		e.resume(t)
	}
}

// spinner is the task that goes on computing when nobody else can go on: the one
// that was stopped least often, since each may wait for what another does.
func (e *engine) spinner() *task {
	var best *task
	for _, t := range e.live {
		if t.state != stateSpin {
			continue
		}
		if best == nil || t.spins < best.spins || t.spins == best.spins && t.stamp().Before(best.stamp()) {
			best = t
		}
	}
	return best
}
