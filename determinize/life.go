package determinize

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
	"laplace.dev/laplace/determinize/sched"
)

// planFork gives the child of a fork its pid and lets the fork through.
func (e *engine) planFork(t *task, plan forkPlan) verdict {
	if e.forking != nil && e.forking != t && e.forking.plan != nil {
		// Only one pid can be placed at a time.
		other := e.forking
		t.gate = func() bool { return e.forking != other || other.plan == nil }
		return verdict{do: doOrder, scope: nobody}
	}
	want := t.seed.Pid(uint64(t.forks), e.cfg.LastPID)
	if e.cfg.LastPID < prng.MaxPid {
		e.taint("pid", "the kernel has no pids above "+strconv.Itoa(e.cfg.LastPID)+": sysctl kernel.pid_max="+strconv.Itoa(prng.MaxPid+1), nil)
	}
	if use := e.usedPIDs[want]; use != nil && !use.over(t) {
		// It is free or not by what others have done.
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v
		}
		if t.stamp().Before(use.at) {
			e.race(conflict.ClassPid, "process "+strconv.Itoa(want), use.by, t)
		}
	}
	if e.cfg.Unpinned.Has(PinPIDs) {
		want = t.vpid + 1 // as the kernel counts, on from what it gave the command
	}
	pid, ok := e.pids.Place(want, pids.IDs{PGID: t.pgid, SID: t.sid})
	if !ok {
		e.taint("exhausted", "no pid is left in the box", t)
		return fail(unix.EAGAIN)
	}
	if use := e.usedPIDs[pid]; pid != want && use != nil && t.stamp().Before(use.at) {
		e.race(conflict.ClassPid, "process "+strconv.Itoa(pid), use.by, t)
	}
	if err := e.cfg.PlacePID(pid); err != nil {
		e.fatal = err
		return verdict{do: doHold}
	}
	e.usedPIDs[pid] = &pidUse{at: t.stamp(), by: t}
	plan.vpid = pid
	t.plan = &plan
	e.forking = t
	return runThen(func(ret int64) { e.forkReturned(t, ret) })
}

// pidUse is the last use of a pid that was placed.
type pidUse struct {
	at     sched.Stamp // when it was last taken or given back
	by     *task       // who took it
	reaped sched.Actor // who has waited for its process, and as which act
	shared bool        // it was the group or session of others, who may have had it for longer
}

// bornBefore tells whether a task is there already for another one, or itself.
func (u *task) bornBefore(t *task) bool { return u == t || !t.stamp().Before(u.bornAt) }

// reapedAfter tells whether there is a process with a pid as far as a task can tell,
// although another one has waited for it: with a greater stamp.
func (e *engine) reapedAfter(t *task, pid int) bool {
	u := e.usedPIDs[pid]
	return u != nil && e.vpids[pid] == nil && t.stamp().Before(u.at)
}

// over tells whether the use had certainly ended before what a task does now.
func (u *pidUse) over(t *task) bool { return !u.shared && t.ord.Follows(u.reaped) }

// inGroup notes of which pids a task makes other use than the process that has them.
func (e *engine) inGroup(t *task) {
	for _, id := range [...]int{t.pgid, t.sid} {
		if u := e.usedPIDs[id]; u != nil && id != t.vpid {
			u.shared = true
		}
	}
}

// forked handles a fork's event at the parent: the child exists, and stops or
// has stopped before its first instruction.
func (e *engine) forked(t *task, vfork bool) {
	id, errno := e.tr.EventMessage(t.pid)
	plan := t.plan
	if errno == unix.ESRCH && e.cfg.Service {
		e.park(t, stateDying) // killed from outside, which its end tells
		return
	}
	if errno != 0 || plan == nil {
		e.fatal = fmt.Errorf("%w: SIGKILL ended %s", ErrLost, t.name())
		return
	}
	pid := int(id)
	if plan.thread {
		e.bornThread(t, plan, pid)
		return
	}
	c := &task{
		process: &process{
			vpid: plan.vpid, parent: t.leader, forker: t.leader,
			pgid: t.pgid, sid: t.sid,
			exec: t.exec, noWait: t.noWait, nice: t.nice, limits: t.limits, auxv: t.auxv, dump: t.dump,
			cloned: plan.cloned, chldIgnored: t.chldIgnored, chldCaught: t.chldCaught, signalfds: t.signalfds,
			locker: t.locker, forked: true, visit: t.visit, undumpable: t.undumpable, vdso: t.vdso, reads: t.reads.copy(), memory: t.memory, reopened: maps.Clone(t.reopened),
		},
		pid: pid, tid: plan.vpid, path: t.childPath(), clk: t.clk.Fork(), creds: t.creds,
		cpus: t.cpus, cpu: t.cpu, pace: pace{perStop: t.pace.perStop}, state: stateReady,
	}
	c.leader, c.threads, c.first = c, []*task{c}, c.pid
	c.ord = sched.Task{Path: c.path, Parent: &t.ord, Born: e.acts, Of: c}
	c.end = sched.End(&c.ord, 0)
	e.acts++ // who is waited for from now on was not when it was born
	c.born, c.bornAt = c.clk.Now(), t.stamp()
	c.seed = prng.Fork(t.seed, uint64(t.forks))
	if r := t.rec(); r != nil {
		r.users++
	}
	e.wholeForks(t)
	c.clk.Past, c.cwd = e.chains.Fork(&t.clk.Past), t.cwd
	c.rnd = prng.NewStream(c.seed, "random")
	c.pidfd = openPidfd(pid)
	t.forks++
	plan.child = c
	t.kids = append(t.kids, c)
	e.tasks[pid] = c
	e.vpids[c.vpid] = c
	e.live = append(e.live, c)
	e.forking = nil
	if e.visits > 0 {
		e.checkPID(c)
	}
	e.count(t, c)
	e.inGroup(c)
	e.inheritPipes(t, c)
	e.inheritDirs(t, c)
	e.shareFDs(t, c)
	e.report.Processes++
	if vfork {
		c.vforkOf = t
	}
	e.stopsAtBirth(c)
	if vfork {
		// It sleeps in the kernel until the child execs or exits.
		e.tr.ContToExit(t.pid, 0)
		e.park(t, stateVfork)
		return
	}
	e.resume(t)
}

// stopsAtBirth has a new task wait for its turn, once it has stopped for the first time.
func (e *engine) stopsAtBirth(c *task) {
	if e.early[c.pid] {
		delete(e.early, c.pid)
		c.sync()
		return
	}
	e.park(c, stateWaking)
}

// forkReturned checks that the child has the pid that was meant for it.
func (e *engine) forkReturned(t *task, ret int64) {
	plan := t.plan
	t.plan = nil
	if e.forking == t {
		e.forking = nil
	}
	if plan == nil {
		return
	}
	if plan.child == nil {
		e.pids.Free(plan.vpid)
		if errno := unix.Errno(-ret); errno == unix.EAGAIN || errno == unix.ENOMEM {
			e.taint("exhausted", "fork failed: "+errno.Error(), t)
		}
		return
	}
	if c := plan.child; ret > 0 && int(ret) != c.tid {
		e.taint("pid", "the kernel gave pid "+strconv.FormatInt(ret, 10)+" where "+strconv.Itoa(c.tid)+" was asked for", t)
		if c.process == t.process {
			c.tid = int(ret)
			return
		}
		e.hasPID(c, int(ret))
	}
}

// exited handles a task's death.
func (e *engine) exited(t *task, ws unix.WaitStatus) {
	if x := t.execing; ws.Signaled() && ws.Signal() == unix.SIGKILL && !t.doomed && !e.ending && (x == nil || x == t) {
		e.killedOutside(t)
	}
	if e.ofProcess(t.process) > 1 || t != t.leader {
		if e.threadDied(t, ws) {
			return
		}
		t = t.leader
	}
	e.finishes(t)
	e.unlocked(t)
	e.park(t, stateDead)
	t.status = ws
	if r := t.rec(); r != nil && r.owner == t.process {
		r.Status = uint32(ws)
	}
	e.wholeEnds(t, ws)
	e.traceEnd(t)
	delete(e.tasks, t.pid)
	e.live = slices.DeleteFunc(e.live, func(u *task) bool { return u == t })
	if t.pidfd >= 0 {
		unix.Close(t.pidfd)
		t.pidfd = -1
	}
	e.forgetDirs(t)
	t.release()
	e.wakeChanged(t)
	vforked := t.vforkOf != nil
	e.vforkOver(t)
	t.vforkOf = nil
	woken := e.orphaned(t)
	heir := e.subreaperOf(t)
	e.leavesVisit(t)
	for _, k := range t.kids {
		k.parent = heir
		k.sync()
		if sig := k.parentDeath; sig != 0 && k.state != stateDead && !e.ending {
			l := letter{sig: sig, at: t.stamp(), edge: t.clk.Edge}
			if sig == unix.SIGKILL {
				e.kill(t, k, &l)
			} else {
				e.mail(k, &l)
			}
		}
		switch {
		case heir != nil && !(heir.noWait && k.state == stateDead):
			e.adopts(heir, k, t.shown())
		case k.state == stateDead:
			e.reap(k)
		}
	}
	t.kids = nil
	for _, u := range woken {
		e.signaled(u, unix.SIGCONT, &letter{sig: unix.SIGCONT, at: t.stamp(), edge: t.clk.Edge})
	}
	p := t.parent
	if p == nil || p.noWait {
		if p != nil {
			p.dropKid(t)
			p.deaths = max(p.deaths, t.shown().B)
		}
		e.reap(t)
	}
	if p != nil {
		if p.chldCaught && p.state == stateRunning && t.awaitedBy != p && !vforked {
			e.overtaken("signal", "a child of it was killed while it ran", p)
		}
		e.raise(p, t.shown())
	}
	if w := t.awaitedBy; w != nil {
		w.reaping--
	}
}

// subreaperOf is who gets the children of a process that dies: the nearest of its forebears
// that lives and has asked for them. nil is init, which waits for nobody's sake; PR_SET_CHILD_SUBREAPER(2const).
func (e *engine) subreaperOf(t *task) *task {
	if !e.subreapers || t == e.root {
		return nil
	}
	for p := t.forker; p != nil; p = p.forker {
		if p.leader.orphans != nil && !p.leader.ended() {
			return p.leader
		}
	}
	if t.visit != nil && e.isPIDOne(e.root) && !e.root.ended() {
		return e.root
	}
	return nil
}

// adopts gives a subreaper the child of one who has died at a stamp. Who waits for orphans waits
// for everybody: who dies with children has its turn.
func (e *engine) adopts(heir, k *task, at sched.Stamp) {
	k.adopted = at
	heir.kids = append(heir.kids, k)
	if k.state == stateDead {
		e.raise(heir, at) // the kernel tells it now
	}
	e.changes++
}

// vforkOver notes that a child of vfork has execed or ended, where its parent goes on:
// later than that. The kernel may tell the parent's stop first.
func (e *engine) vforkOver(c *task) {
	p := c.vforkOf
	if p == nil || c.ord.Waiter == &p.ord {
		return
	}
	e.waitedFor(c, p)
	if p.state == stateDying || p.state == stateDead {
		return
	}
	at := p.stamp().After(c.stamp())
	p.clk.Join(c.clk.Edge)
	if c.exec == p.exec && !c.status.Signaled() { // the child has ended, in the parent's memory
		p.clk.Share(c.clk.Edge)
	}
	p.clk.B = at.B
	if p.state == stateVfork {
		e.park(p, stateWaking)
	} else {
		p.sync()
	}
}

// waitedFor notes that a task goes on only after what a child of its has done so far: it
// has waited for its end, or, after vfork, for its exec.
func (e *engine) waitedFor(k, t *task) { k.ord.Waiter, k.ord.Waited = &t.ord, e.acts }

// reap forgets a dead task that its parent has waited for.
func (e *engine) reap(t *task) {
	if t.reaped {
		return
	}
	t.reaped = true
	e.chains.End(&t.clk.Past)
	if u, w := e.usedPIDs[t.vpid], t.waiter; u != nil && w != nil {
		if u.at.Before(w.stamp()) {
			u.at = w.stamp()
		}
		u.reaped = e.did(w)
	}
	if e.vpids[t.vpid] == t {
		delete(e.vpids, t.vpid)
	}
	e.pids.Free(t.vpid)
}

func (t *task) dropKid(k *task) {
	for i, c := range t.kids {
		if c == k {
			t.kids = append(t.kids[:i], t.kids[i+1:]...)
			return
		}
	}
}

func openPidfd(pid int) int {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	return fd
}

// orphaned returns the stopped tasks that the kernel wakes, with SIGHUP and
// SIGCONT, because a task that dies was the last link between their process
// group and the rest of the session: setpgid(2), kill_orphaned_pgrp in
// kernel/exit.c. It is asked before the dead task's children are given away.
func (e *engine) orphaned(t *task) []*task {
	var out []*task
	check := func(member, parent *task, ignored *task) {
		if parent == nil || parent.pgid == member.pgid || parent.sid != member.sid {
			return
		}
		var stopped []*task
		for _, u := range e.tasks {
			if u.pgid != member.pgid || u == ignored {
				continue
			}
			if p := u.parent; p != nil && p != t && p.pgid != u.pgid && p.sid == u.sid {
				return // still linked
			}
			if u.state == stateStopped {
				stopped = append(stopped, u)
			}
		}
		out = append(out, stopped...)
	}
	check(t, t.parent, t)
	for _, k := range t.kids {
		if k.state != stateDead {
			check(k, t, nil)
		}
	}
	return out
}
