package determinize

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
)

// maxFree is how many calls in a row a task makes before others go first that
// are behind it.
const maxFree = 1000

// loop runs the box until its first process has ended.
func (e *engine) loop() error {
	// One who has killed the first process is still in that call.
	for e.root.state != stateDead || e.running != nil {
		if e.running == nil && len(e.expect) == 0 {
			if e.paused.Load() {
				if err := e.idle(); err != nil {
					return err
				}
				continue
			}
			if err := e.dispatch(); err != nil {
				return err
			}
			if err := e.outside(); err != nil {
				return err
			}
			if e.fatal != nil {
				return e.fatal
			}
			continue
		}
		e.watched()
		pid, ws, errno := e.tr.Wait()
		if errno == unix.EINTR {
			if err := e.interrupted(); err != nil {
				return err
			}
			continue
		}
		if errno != 0 {
			return fmt.Errorf("wait for the box's tasks: %w", errno)
		}
		e.events.Add(1)
		e.event(pid, ws)
		if e.cfg.Delay != nil {
			e.cfg.Delay()
		}
		if e.fatal != nil {
			return e.fatal
		}
		if err := e.outside(); err != nil {
			return err
		}
	}
	return nil
}

// dispatch lets the next task go on.
func (e *engine) dispatch() error {
	if t := e.next; t != nil {
		e.next = nil
		if t.state == stateReady {
			e.resume(t)
			return nil
		}
	}
	t, _ := e.least()
	if t == nil {
		if t = e.spinner(); t != nil {
			e.resume(t)
			return nil
		}
	}
	if t == nil && e.cfg.Terminal != nil && e.cfg.Terminal.Typing() && e.anyIn(stateBlocked) {
		// Input may still come, or what is typed may have been a signal.
		unix.Poll(nil, 10)
		for _, t := range e.tasks {
			t.raised = t.raised || t.state == stateBlocked
		}
		return nil
	}
	if t == nil {
		if e.anyIn(stateStopped, stateVfork, stateDying) && !e.anyIn(stateBlocked) {
			return fmt.Errorf("%w: every task is stopped by a signal", ErrDeadlock)
		}
		return fmt.Errorf("%w: %s", ErrDeadlock, e.waits())
	}
	switch t.state {
	case stateReady:
		e.resume(t)
	case stateOrdered:
		e.decide(t)
	case stateBlocked:
		switch {
		case t.ready != nil && t.ready():
			if t.then != nil {
				e.apply(t, t.then())
			} else {
				e.decide(t)
			}
		case t.raised && e.deliverable(t):
			e.apply(t, t.broken())
		default:
			e.apply(t, t.timeUp())
		}
	}
	return nil
}

// least is the task that goes first of all that could go on, or nil, and the B
// by which it does: its own, or that at which its time is up.
func (e *engine) least() (best *task, bestB uint64) {
	for _, t := range e.tasks {
		b := t.clk.B
		switch t.state {
		case stateReady, stateOrdered:
		case stateBlocked:
			if t.ready != nil && t.ready() || t.raised && e.deliverable(t) {
				break
			}
			if t.wake == 0 {
				continue
			}
			b = max(b, t.wake)
		default:
			continue
		}
		if best == nil || t.before(b, best, bestB) {
			best, bestB = t, b
		}
	}
	return best, bestB
}

// first tells whether a running task is the one to go first.
func (e *engine) first(t *task) bool {
	u, b := e.least()
	return u == nil || t.before(t.clk.B, u, b)
}

func (e *engine) anyIn(states ...state) bool {
	for _, t := range e.tasks {
		for _, s := range states {
			if t.state == s {
				return true
			}
		}
	}
	return false
}

// waits says what each task of a deadlocked box waits for, and what was refused
// before, which is often why.
func (e *engine) waits() string {
	var lines []string
	for _, t := range e.tasks {
		if t.state == stateBlocked {
			lines = append(lines, fmt.Sprintf("%s waits for %s", t.name(), t.why))
		}
	}
	sort.Strings(lines)
	if len(e.report.Refused) > 0 {
		lines = append(lines, "refused before: "+strings.Join(slices.Sorted(maps.Keys(e.report.Refused)), ", "))
	}
	return strings.Join(lines, "; ")
}

// resume lets a stopped task run.
func (e *engine) resume(t *task) {
	e.traceLeave(t)
	if e.paused.Load() || len(e.expect) > 0 || e.root.state == stateDead {
		// Not now; but nobody goes first.
		e.park(t, stateReady)
		e.next = t
		return
	}
	e.tellEnds()
	e.running = t
	t.state = stateRunning
	sig := t.sig
	t.sig = 0
	var errno unix.Errno
	if t.exit != nil {
		errno = e.tr.ContToExit(t.pid, sig)
	} else {
		errno = e.tr.Cont(t.pid, sig)
	}
	if errno != 0 {
		// ESRCH: it was killed; its exit will be seen.
		t.state = stateDying
		e.running = nil
		e.await(t, "death")
	}
}

// enter handles a task's arrival at an intercepted call.
func (e *engine) enter(t *task) {
	last := t.call
	if errno := e.tr.Syscall(t.pid, &t.call); errno != 0 {
		e.lost(t, errno)
		return
	}
	if t.madeAgain(last) {
		e.decide(t)
		return
	}
	if e.spinning == t {
		e.spinning = nil // it has come to a call; the stop that was asked for follows
	}
	t.clk.Tick()
	e.report.Ticks++
	t.calls++
	t.fresh, t.looked, t.blocker = true, false, nil
	t.progress = 0
	if t.call.Nr != unix.SYS_RESTART_SYSCALL {
		t.again = nil
	}
	e.traceEnter(t)
	if t.limits[unix.RLIMIT_CPU].Soft != procfs.Infinity && e.outOfTime(t) {
		return
	}
	// A loop that only looks, at a file say, must not keep those from running
	// who could change what it sees.
	if t.free++; t.free >= maxFree {
		t.free = 0
		if !e.first(t) {
			e.park(t, stateOrdered)
			return
		}
	}
	e.decide(t)
}

// park takes a task off the CPU.
func (e *engine) park(t *task, s state) {
	t.state = s
	if e.running == t {
		e.running = nil
	}
}

// decide decides the call at which a task has stopped, and acts on it.
func (e *engine) decide(t *task) {
	e.refusal = false
	v := e.judge(t)
	t.fresh = false
	e.apply(t, v)
}

// apply acts on a verdict.
func (e *engine) apply(t *task, v verdict) {
	if v.do != doBlock {
		t.masked = false
		t.ready, t.then, t.broken, t.timeUp, t.wake = nil, nil, nil, nil, 0
	}
	switch v.do {
	case doRun:
		t.exit = nil
		if e.traceRun(t) || t.dirty || t.stopping {
			t.exit = func(int64) {}
		}
		e.resume(t)
	case doRunThen:
		t.exit = v.exit
		e.resume(t)
	case doAnswer:
		e.traceAnswer(t, v.ret)
		t.exit = nil
		e.tr.Skip(t.pid, v.ret)
		e.resume(t)
	case doYield:
		e.traceAnswer(t, v.ret)
		t.exit = nil
		e.tr.Skip(t.pid, v.ret)
		e.park(t, stateReady)
	case doBlock:
		t.ready, t.broken, t.why = v.ready, v.broken, v.why
		t.then, t.wake, t.timeUp = v.then, v.wake, v.timeUp
		if t.broken == nil {
			t.broken = func() verdict { return e.interrupt(t, restartSys) }
		}
		t.calls = 0
		e.park(t, stateBlocked)
	case doResume:
		e.resume(t)
	case doOrder:
		e.park(t, stateOrdered)
	case doHold:
		e.park(t, t.state)
	}
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
	t.state = stateRunning
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
		if t.state != stateRunning {
			return // parked by f
		}
	}
	e.resume(t)
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
	e.await(t, "death")
}

// await makes everything else wait for an event of the task.
func (e *engine) await(t *task, w what) { e.expect[t.pid] = w }
