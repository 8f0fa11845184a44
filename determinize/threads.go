package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
)

// The threads of a process share its memory, which no call tells of: whatever one writes,
// another may read next. So a box with threads makes one call at a time, from its first
// one on (serially): between two calls of a thread no other runs, and which goes on is
// the order's to say, by their stamps.
//
// Their clocks are one, but for B: who goes on takes over the time of who ran before him.

// hand is who holds what the threads of a process hold together.
func (p *process) hand() *sched.Task { return &p.leader.ord }

// threaded tells whether a process has several threads.
func (p *process) threaded() bool { return len(p.threads) > 1 }

// takeTime hands the time of a process to the thread that goes on.
func (t *task) takeTime() {
	if last := t.lastRan; last != nil && last != t {
		b := t.clk.B
		t.clk = last.clk
		t.clk.B = b
	}
	if t.threaded() || t.lastRan != nil {
		t.lastRan = t
	}
}

// threadEnds brings one thread of several to its end.
func (e *engine) threadEnds(t *task) verdict {
	e.traceNever(t)
	if t.tid == t.vpid {
		return e.firstEnds(t)
	}
	t.dropThread()
	e.letEnd(t)
	return verdict{do: doHold}
}

// firstEnds stops a process's first thread for good where it would end before the others:
// the kernel would take from it what the engine asks it for, its descriptors. What others
// wait for is done in its place: the word of set_tid_address(2) becomes 0.
func (e *engine) firstEnds(t *task) verdict {
	const getTidAddress = 40 // PR_GET_TID_ADDRESS; prctl(2)
	at := (t.call.SP - redZone - 8) &^ 7
	e.tr.SetNr(t.pid, unix.SYS_PRCTL)
	e.tr.SetArg(t.pid, 0, getTidAddress)
	e.tr.SetArg(t.pid, 1, at)
	return runThen(func(ret int64) {
		var b [8]byte
		if ret == 0 && e.tr.ReadFull(t.pid, at, b[:]) == 0 {
			if addr := binary.LittleEndian.Uint64(b[:]); addr != 0 {
				e.tr.WriteFull(t.pid, addr, make([]byte, 4))
			}
		}
		t.here = false
		t.dropThread()
		e.park(t, stateLeft)
		e.wakeChanged(t)
	})
}

// lastEnds makes the end of a process's last thread that of the process, whose first one
// has ended before.
func (e *engine) lastEnds(t *task) {
	if t.call.Nr == unix.SYS_EXIT {
		e.tr.SetNr(t.pid, unix.SYS_EXIT_GROUP)
	}
	e.takesOver(t)
}

// wakeChanged wakes who waits for a word that the kernel has changed at the death of a thread
// or process: the one of CLONE_CHILD_CLEARTID, or a mutex of its robust list. futex(2) may
// return when nobody has woken it. A lock that it owned is nobody's then.
func (e *engine) wakeChanged(t *task) {
	for _, u := range e.live {
		f := u.futex
		if f == nil || f.woken || u.doomed {
			continue
		}
		for i, w := range f.words {
			if w.key.process != nil && w.key.process != t.process {
				continue
			}
			word, errno := e.word(u, w.addr)
			if f.locks && word&futexOwner == uint32(t.tid) {
				word = word&^futexOwner | futexOwnerDied
				e.setWord(u, w.addr, word)
			}
			if errno != 0 || word != w.held {
				f.wake(t, i)
				e.changes++
				break
			}
		}
	}
}

// dropThread takes a thread out of those that go on.
func (t *task) dropThread() {
	t.threads = slices.DeleteFunc(t.threads, func(u *task) bool { return u == t })
}

// takesOver has a thread stand for its process, which it ends, or which it has run
// another program: the others do nothing any more, and die with it.
func (e *engine) takesOver(t *task) {
	for _, u := range e.live {
		if u.process == t.process && u != t {
			u.doomed, u.futex = true, nil
			e.park(u, stateLeft)
		}
	}
	t.threads = []*task{t}
	e.stands(t)
}

// stands makes a thread the one that stands for its process.
func (e *engine) stands(t *task) {
	was := t.leader
	if was == t {
		return
	}
	if p := t.parent; p != nil {
		for i, k := range p.kids {
			if k == was {
				p.kids[i] = t
			}
		}
	}
	for _, k := range t.kids {
		k.parent = t
	}
	for _, pipe := range t.pipes {
		pipe.Hold(&t.ord, pipe.Ends(&was.ord))
		pipe.Drop(sched.Actor{Task: &was.ord, Seq: e.acts}, sched.Reads|sched.Writes, t.clk.B)
	}
	t.leader = t
	t.ord.Parent, t.ord.Born = was.ord.Parent, was.ord.Born
	e.vpids[t.vpid] = t
	if e.root == was {
		e.root = t
	}
}

// ofProcess is how many threads of a process the kernel still has.
func (e *engine) ofProcess(p *process) (n int) {
	for _, u := range e.tasks {
		if u.process == p {
			n++
		}
	}
	return n
}

// threadDied deals with the death of one thread of several, and tells whether it was not
// that of the process.
func (e *engine) threadDied(t *task, ws unix.WaitStatus) bool {
	delete(e.tasks, t.pid)
	t.dropThread()
	e.keeps(t)
	if t.tid != t.vpid {
		e.pids.Free(t.tid)
	}
	if t != t.leader {
		e.park(t, stateDead)
		e.live = slices.DeleteFunc(e.live, func(u *task) bool { return u == t })
	}
	if e.ofProcess(t.process) > 0 {
		e.wakeChanged(t)
		return true
	}
	t.leader.takeTime()
	t.leader.status = ws
	return false
}

// threadByID is the thread that a tid names in the box, nil if there is none.
func (e *engine) threadByID(tid int) *task {
	if t := e.vpids[tid]; t != nil && !t.threaded() {
		return t
	}
	for _, u := range e.live {
		if u.tid == tid {
			return u
		}
	}
	return nil
}

// who is the thread that a call's argument names: 0 is the caller.
func (e *engine) who(t *task, tid int) *task {
	if tid == 0 {
		return t
	}
	return e.threadByID(tid)
}

// bornThread handles the event of a thread's birth at its maker.
func (e *engine) bornThread(t *task, plan *forkPlan, pid int) {
	c := &task{
		process: t.process,
		pid:     pid, tid: plan.vpid, path: t.childPath(), clk: t.clk.Fork(), creds: t.creds,
		cpus: t.cpus, cpu: t.cpu, pace: pace{perStop: t.pace.perStop}, state: stateReady,
	}
	c.ord = sched.Task{Path: c.path, Parent: &t.ord, Born: e.acts, Of: c}
	e.acts++
	t.forks++
	plan.child = c
	t.threads = append(t.threads, c)
	t.takeTime()
	e.tasks[pid] = c
	e.live = append(e.live, c)
	e.forking = nil
	e.stopsAtBirth(c)
	e.resume(t)
}

// execsAs returns the thread that has started another program, as which the kernel reports
// the process: it is its first one from now on, and the only one.
func (e *engine) execsAs(t *task) *task {
	u := t
	if former, errno := e.tr.EventMessage(t.pid); errno == 0 && e.tasks[int(former)] != nil {
		u = e.tasks[int(former)]
	}
	u.execing = nil
	if !u.threaded() && u == t {
		return u
	}
	if u != t {
		delete(e.tasks, u.pid)
		e.pids.Free(u.tid)
		u.pid, u.tid = t.pid, u.vpid
		e.tasks[u.pid] = u
		t.dropThread()
		e.park(t, stateDead)
		e.live = slices.DeleteFunc(e.live, func(w *task) bool { return w == t })
	}
	u.threads, u.lastRan = []*task{u}, nil
	e.stands(u)
	return u
}
