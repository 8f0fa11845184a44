package determinize

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
)

// loop runs the box until its first process has ended.
func (e *engine) loop() error {
	for !e.over() {
		if e.paused.Load() && e.transit == 0 {
			if err := e.idle(); err != nil {
				return err
			}
			continue
		}
		stuck := !e.paused.Load() && e.dispatch()
		if err := e.failed(); err != nil {
			return err
		}
		if e.transit == 0 {
			if stuck {
				if err := e.stuck(); err != nil {
					return err
				}
			}
			if err := e.outside(); err != nil {
				return err
			}
			continue
		}
		pid, ws, errno := e.nextStop()
		if errno == unix.EINTR {
			if err := e.interrupted(); err != nil {
				return err
			}
			continue
		}
		if errno != 0 {
			return fmt.Errorf("wait for the box's tasks: %w", errno)
		}
		e.event(pid, ws)
		if err := e.failed(); err != nil {
			return err
		}
		if err := e.outside(); err != nil {
			return err
		}
	}
	return nil
}

// over tells whether the box's first process has ended. One who has killed it is
// still in that call.
func (e *engine) over() bool {
	return e.root.state == stateDead && (e.transit == 0 || !e.serial)
}

// dispatch lets everything go on that can, and tells whether that is nothing: not when it
// was interrupted before it had looked at all.
func (e *engine) dispatch() (stuck bool) {
	if e.alone != nil {
		e.dispatchAlone()
		return false
	}
	e.sendOutput()
	e.spinsOn()
	if e.serial {
		return !e.dispatchLeast()
	}
	stuck = true
	for again := true; again && e.fatal == nil; {
		if e.cancel.Load() || e.paused.Load() {
			stuck = false
			break
		}
		again = false
		e.foresee()
		for i := 0; i < len(e.live); i++ {
			t := e.live[i]
			if u := e.turnOf(t); u.act != nil && e.clear(t, &u) {
				e.proceed(t, &u)
				again, stuck = true, false
				if e.alone != nil || e.fatal != nil || e.serial {
					return false // from now on it is another one's to say who is next
				}
				e.foresee()
			}
		}
	}
	e.sendOutput()
	return stuck
}

// dispatchLeast lets the one go on whose turn it is in the canonical run: of all
// that could, the one with the least stamp. Nobody overtakes one that waits with the
// start of a program, but for those that it waits for.
func (e *engine) dispatchLeast() bool {
	if e.visits == 0 {
		return e.transit == 0 && e.dispatchLeastOf(e.live)
	}
	any := false
	for _, world := range e.worlds() {
		for !slices.ContainsFunc(world, func(t *task) bool { return t.state.inTransit() }) && e.dispatchLeastOf(world) {
			any = true
			if e.alone != nil || e.fatal != nil || e.cancel.Load() || e.paused.Load() {
				return true
			}
		}
	}
	return any
}

// dispatchLeastOf is dispatchLeast of tasks none of which runs.
func (e *engine) dispatchLeastOf(tasks []*task) bool {
	best, next := e.least(tasks)
	at := next.at
	for _, t := range tasks {
		if t.gate == nil || t.gate() || best != nil && !t.stamp().Before(at) {
			continue
		}
		if elder, turn := e.least(t.elders()); elder != nil {
			best, next, at = elder, turn, t.stamp()
		}
	}
	if best == nil {
		return false
	}
	e.proceed(best, &next)
	return true
}

// least is the one of some tasks that could go on with the least stamp, and its turn.
func (e *engine) least(of []*task) (best *task, next turn) {
	for _, t := range of {
		if u := e.turnOf(t); u.act != nil && (best == nil || u.at.Before(next.at)) {
			best, next = t, u
		}
	}
	return best, next
}

// stuck handles a box in which nothing runs and nobody can go on.
func (e *engine) stuck() error {
	if t := e.spinner(); t != nil {
		e.resume(t)
		return nil
	}
	if e.cfg.Service {
		return e.waitsOutside()
	}
	if e.listens() || e.cfg.Terminal != nil && e.cfg.Terminal.Typing() && e.anyIn(stateBlocked) {
		e.listen()
		return nil
	}
	if e.anyIn(stateStopped, stateVfork, stateWaking) && !e.anyIn(stateBlocked) {
		return fmt.Errorf("%w: every task is stopped by a signal", ErrDeadlock)
	}
	return fmt.Errorf("%w: %s", ErrDeadlock, e.waits())
}

func (e *engine) anyIn(states ...state) bool {
	for _, t := range e.tasks {
		if slices.Contains(states, t.state) {
			return true
		}
	}
	return false
}

// maxWaits is how many tasks of a deadlocked box are named.
const maxWaits = 10

// waits says what the tasks of a deadlocked box wait for, and what was refused
// before, which is often why.
func (e *engine) waits() string {
	var lines []string
	for _, t := range e.tasks {
		if t.state == stateBlocked {
			lines = append(lines, fmt.Sprintf("%s waits for %s", t.name(), t.wait.why()))
		}
	}
	sort.Strings(lines)
	if n := len(lines) - maxWaits; n > 0 {
		lines = append(lines[:maxWaits], fmt.Sprintf("and %d more", n))
	}
	if len(e.report.Refused) > 0 {
		lines = append(lines, "refused before: "+strings.Join(slices.Sorted(maps.Keys(e.report.Refused)), ", "))
	}
	return strings.Join(lines, "; ")
}

// resume lets a stopped task run.
func (e *engine) resume(t *task) {
	e.traceLeave(t)
	if e.paused.Load() || e.alone != nil || e.root.state == stateDead {
		e.park(t, stateReady)
		return
	}
	e.tellEnds()
	e.place(t)
	if e.counting {
		e.crowd.count(t, e.live)
	}
	if r := t.replay; r != nil && r.inCall && t.exit == nil {
		t.exit = func(int64) {}
	}
	sig := t.sig
	t.sig = 0
	var errno unix.Errno
	if t.exit == nil {
		e.lendClock(t)
	}
	if t.exit != nil {
		errno = e.tr.ContToExit(t.pid, sig)
	} else {
		errno = e.tr.Cont(t.pid, sig)
	}
	if errno != 0 {
		// ESRCH: it was killed; its exit will be seen.
		e.park(t, stateDying)
		return
	}
	e.park(t, stateRunning)
}

// enter handles a task's arrival at an intercepted call.
func (e *engine) enter(t *task) {
	last := t.call
	if errno := e.tr.Syscall(t.pid, &t.call); errno != 0 {
		e.lost(t, errno)
		return
	}
	if t.replay != nil {
		t.replay.inCall = true
	}
	t.fresh = true
	t.paths, t.turn = [2]readPath{}, false
	if t.injected.made(&t.call) {
		e.apply(t, runThen(t.injected.done))
		return
	}
	if t.madeAgain(last) {
		e.decide(t)
		return
	}
	t.asked = false
	t.spinning, t.alarmed, t.computed = false, false, 0 // the stop that was asked for follows
	e.comesTo(t)
	if t.call.Nr != unix.SYS_RESTART_SYSCALL {
		t.again = nil
	}
	e.traceEnter(t)
	if t.limits[unix.RLIMIT_CPU].Soft != procfs.Infinity && e.outOfTime(t) {
		return
	}
	e.arrive(t)
}

// comesTo counts a task's next call.
func (e *engine) comesTo(t *task) {
	t.advances(t.clk.B)
	t.clk.Tick()
	if t.replay != nil {
		t.clk.B = t.replay.b
	}
	if t.memory {
		t.clk.Past.Follow(&e.memory)
		e.memory.Leave(&t.clk.Past)
	}
	e.counts(t)
	t.calls++
	t.looked, t.blocker = false, nil
	t.progress = 0
}

// arrive decides the call that a task has come to, or has it wait for its turn.
func (e *engine) arrive(t *task) {
	switch {
	case t.counted && t.calls >= countedCalls:
		e.uncount(t)
	case t.calls > 0 && t.calls%deliveryCalls == 0:
		t.lastPoint, t.pointLate = t.clk.B, !e.serial
		e.collect(t, t.stamp())
		if t.point = t.chldCaught && len(t.kids) > 0; t.point && !e.serial {
			t.scope = t.children
			e.park(t, stateOrdered)
			return
		}
	}
	if e.ended && e.endedAt.Before(t.stamp()) {
		t.gate = func() bool { return false } // the canonical run does not come to it
		e.park(t, stateOrdered)
		return
	}
	if e.serial {
		t.scope = nil
		e.park(t, stateOrdered)
		return
	}
	e.decide(t)
}

// park takes a task off the CPU, or puts it there.
func (e *engine) park(t *task, s state) {
	if t.state.inTransit() {
		e.transit--
	}
	t.state = s
	if s.inTransit() {
		e.transit++
	}
	t.due.known = false
	t.sync()
}

// decide decides the call at which a task has stopped, and acts on it.
func (e *engine) decide(t *task) {
	e.be(t)
	e.deciding = t
	e.refusal, t.inOrder = false, false
	if t.fresh {
		e.expire(t)
	}
	e.about = nil
	v := e.judge(t)
	if u := e.about; u != nil && u != t && !e.isInit(u) && v.do != doHold {
		if w, wait := e.order(t, e.everybody(t)); wait {
			v = w // it is there or not by what others have done
		}
	}
	t.fresh = v.do == doOrder && t.gate != nil // it has not come to its turn yet
	e.apply(t, v)
}

// apply acts on a verdict.
func (e *engine) apply(t *task, v verdict) {
	if v.do != doBlock {
		t.masked = false
		t.wait = wait{}
	}
	switch v.do {
	case doRun:
		t.exit = nil
		if e.traceRun(t) || t.dirty || t.stopping || t.inOrder && !e.serial {
			// Nobody goes on before it is done.
			t.exit = func(int64) {}
		}
		e.resume(t)
	case doRunThen:
		t.exit = v.exit
		e.resume(t)
	case doAnswer:
		e.traceAnswer(t, v.ret)
		t.exit = nil
		e.expire(t)
		e.tr.Skip(t.pid, v.ret)
		e.resume(t)
	case doBlock:
		e.block(t, v.wait)
	case doResume:
		e.resume(t)
	case doOrder:
		t.scope = v.scope
		e.park(t, stateOrdered)
	case doHold:
		e.park(t, t.state)
	}
}

// block has a task wait.
func (e *engine) block(t *task, w wait) {
	t.wait = w
	if t.wait.broken == nil {
		t.wait.broken = func() verdict { return e.interrupt(t, restartSys) }
	}
	if t.wait.scope == nil {
		t.wait.scope = e.everybody(t)
	}
	if t.wait.wakers == nil {
		t.wait.wakers = t.wait.scope
	}
	if e.cfg.Service || e.canHear() {
		t.wait.since, t.wait.sinceB = outsideTime(), t.clk.B
	}
	e.uncount(t)
	e.changes++ // somebody may wait for it to wait
	e.park(t, stateBlocked)
}

// interrupt makes the call that a task is blocked in return one of the
// kernel's restart codes: a pending signal then decides whether it is made
// again or fails with EINTR, just as if the kernel had been interrupted.
func (e *engine) interrupt(t *task, code int64) verdict {
	nr := t.call.Nr
	e.tr.Skip(t.pid, 0)
	return runThen(func(int64) {
		e.tr.SetNr(t.pid, nr)
		e.tr.SetResult(t.pid, code)
	})
}

// resumable makes the call that a task is blocked in end like interrupt, but a call
// that is made again goes on with again, which knows since when it has waited.
func (e *engine) resumable(t *task, again func() verdict) verdict {
	t.again = again
	return e.interrupt(t, restartBlock)
}

// restartEnter handles restart_syscall, which the kernel has a task make that was
// interrupted by a signal without a handler.
func restartEnter(e *engine, t *task) verdict {
	if t.again == nil {
		return run() // fails
	}
	return t.again()
}

// leave handles the exit of a call.
func (e *engine) leave(t *task) {
	f := t.exit
	t.exit = nil
	if t.dirty {
		t.dirty = false
		for i, v := range t.call.Args {
			e.tr.SetArg(t.pid, i, v)
		}
	}
	t.here = true
	if f != nil {
		ret, errno := e.tr.Result(t.pid)
		if errno != 0 {
			e.lost(t, errno)
			return
		}
		if e.breaksOff(t, ret); !t.brokenOff {
			e.traceExit(t)
		}
		f(ret)
		if !t.here {
			return // parked by f
		}
	}
	if t.replay != nil {
		e.nextCall(t)
		return
	}
	e.resume(t)
}

// wait parks a task at the exit of a call.
func (e *engine) waitHere(t *task, w wait) {
	t.here = false
	e.block(t, w)
}

// setArg changes an argument for the kernel; the guest's own value comes back
// at the call's exit.
func (e *engine) setArg(t *task, i int, v uint64) {
	t.dirty = true
	e.tr.SetArg(t.pid, i, v)
}

// lost handles a task that does not answer where it should be stopped: it was
// killed, which its exit will tell, or this kernel cannot do what is asked.
func (e *engine) lost(t *task, errno unix.Errno) {
	if errno != unix.ESRCH {
		e.fatal = fmt.Errorf("%w: PTRACE_GET_SYSCALL_INFO: %w", ErrKernel, errno)
		return
	}
	e.park(t, stateDying)
}

// everybody is the scope of what any task can affect: of those that have joined the box, who came
// with it, and of the box's own, no others; see visit.
func (e *engine) everybody(t *task) sched.Scope {
	if t == nil {
		return e.kin(nil)
	}
	return e.kin(t.visit)
}
