package determinize

import (
	"time"
)

// A process that computes is never interrupted, so that one that waits in a loop
// for what another would have to do, without a call, would have the box wait for
// ever. After a long time it is stopped, wherever it is, and the others go on. How
// far it has come is then the machine's doing: the verdict is tainted.

// timerSpin is how long a process computes before those go on who only wait for a
// time or to send a signal.
const timerSpin = 10 * time.Second

// A spell is how long a task has computed, as watch saw it: after so many events,
// and since then without another one.
type spell struct {
	events uint64
	used   time.Duration // CPU time
}

// watch has the engine look, now and then, at a task that has made no call since
// watch looked last, until the box has ended. cpu returns how much CPU time the
// process with a pid has used.
func (r *Run) watch(cpu func(pid int) time.Duration) {
	const often = time.Second
	var pid int
	var events uint64
	var start time.Duration
	for r.every(often) {
		now := int(r.e.computing.Load())
		seen := r.e.events.Load()
		if now == 0 || now != pid || seen != events {
			pid, events, start = now, seen, cpu(now)
			continue
		}
		s := &spell{events, cpu(pid) - start}
		r.e.spun.Store(s)
		if s.used >= r.e.leastPatience() {
			r.e.nudge()
		}
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

// lookForSpin stops a task that has computed for too long while others could go on.
func (e *engine) lookForSpin() {
	t, spun := e.running, e.spelled()
	// Whether others could go on is asked only where it matters: to ask may type the
	// end of input at a terminal, and when this is called is the machine's doing.
	if e.cfg.SpinLimit == 0 || t == nil || e.spinning != nil || spun < e.leastPatience() || spun < e.patience() {
		return
	}
	if e.stop(t) {
		e.spinning = t
	}
}

// spelled is how long the task that runs has computed, as far as watch has seen. What
// it saw of another one, or before a call, does not count.
func (e *engine) spelled() time.Duration {
	if s := e.spun.Load(); s != nil && s.events == e.events.Load() {
		return s.used
	}
	return 0
}

// leastPatience is how long any task may compute.
func (e *engine) leastPatience() time.Duration { return min(timerSpin, e.cfg.SpinLimit) }

// patience is how long the task that runs may compute.
func (e *engine) patience() time.Duration {
	limit := e.cfg.SpinLimit
	u, _ := e.least()
	switch {
	case u == nil && !e.anyIn(stateSpin):
		return 1<<63 - 1 // nobody waits
	case u != nil && u.state == stateBlocked:
		return e.leastPatience()
	}
	return limit
}

// spins parks a task that has been stopped where it computes.
func (e *engine) spins(t *task) {
	e.spinning = nil
	e.taint("spin", "it computed for so long, without a call, that others went on", t)
	t.spins++
	e.park(t, stateSpin)
}

// spinner is the task that goes on computing when nobody else can go on: the one
// that was stopped least often, since each may wait for what another does.
func (e *engine) spinner() *task {
	var best *task
	for _, t := range e.tasks {
		if t.state != stateSpin {
			continue
		}
		if best == nil || t.spins < best.spins || t.spins == best.spins && t.before(t.clk.B, best, best.clk.B) {
			best = t
		}
	}
	return best
}

// watched tells watch what is about to run.
func (e *engine) watched() {
	pid := int64(0)
	if e.running != nil {
		pid = int64(e.running.pid)
	}
	e.computing.Store(pid)
}
