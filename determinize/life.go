package determinize

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/prng"
)

// planFork gives the child of a fork its pid and lets the fork through.
func (e *engine) planFork(t *task, vfork, cloned bool) verdict {
	want := t.seed.Pid(uint64(t.forks))
	if e.cfg.Unpinned.Has(PinPIDs) {
		want = t.vpid + 1 // as the kernel counts, on from what it gave the command
	}
	pid, ok := e.pids.Place(want, pids.IDs{PGID: t.pgid, SID: t.sid})
	if !ok {
		e.taint("exhausted", "no pid is left in the box", t)
		return fail(unix.EAGAIN)
	}
	if err := e.cfg.PlacePID(pid); err != nil {
		e.fatal = err
		return verdict{do: doHold}
	}
	t.plan = &forkPlan{vpid: pid, vfork: vfork, cloned: cloned}
	return runThen(func(ret int64) { e.forkReturned(t, ret) })
}

// forked handles a fork's event at the parent: the child exists, and stops or
// has stopped before its first instruction.
func (e *engine) forked(t *task, vfork bool) {
	id, errno := e.tr.EventMessage(t.pid)
	plan := t.plan
	if errno != 0 || plan == nil {
		e.fatal = fmt.Errorf("%w: SIGKILL ended %s", ErrLost, t.name())
		return
	}
	pid := int(id)
	c := &task{
		pid: pid, vpid: plan.vpid, parent: t,
		path: t.childPath(),
		pgid: t.pgid, sid: t.sid,
		clk:  t.clk.Fork(),
		exec: t.exec, noWait: t.noWait, nice: t.nice, limits: t.limits, auxv: t.auxv, cpus: t.cpus, dump: t.dump,
		cloned: plan.cloned, bornSeq: e.writes, chldIgnored: t.chldIgnored,
		state: stateDying,
	}
	c.born = c.clk.Now()
	c.seed = prng.Fork(t.seed, uint64(t.forks))
	c.rnd = prng.NewStream(c.seed, "random")
	c.pidfd = openPidfd(pid)
	t.forks++
	plan.child = c
	t.kids = append(t.kids, c)
	e.tasks[pid] = c
	e.vpids[c.vpid] = c
	e.inheritDirs(t, c)
	e.report.Processes++
	if vfork {
		c.vforkOf = t
	}
	c.state = stateReady
	if e.early[pid] {
		delete(e.early, pid)
	} else {
		c.state = stateDying
		e.await(c, "first stop")
	}
	if vfork {
		// It sleeps in the kernel until the child execs or exits.
		e.tr.ContToExit(t.pid, 0)
		e.park(t, stateVfork)
		return
	}
	e.park(t, stateReady)
	e.next = t
}

// forkReturned checks that the child has the pid that was meant for it.
func (e *engine) forkReturned(t *task, ret int64) {
	plan := t.plan
	t.plan = nil
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
	if c := plan.child; ret > 0 && int(ret) != c.vpid {
		e.taint("pid", "the kernel gave pid "+strconv.FormatInt(ret, 10)+" where "+strconv.Itoa(c.vpid)+" was asked for", t)
		delete(e.vpids, c.vpid)
		c.vpid = int(ret)
		e.vpids[c.vpid] = c
	}
}

// exited handles a task's death.
func (e *engine) exited(t *task, ws unix.WaitStatus) {
	if e.running == t {
		e.running = nil
	}
	if e.next == t {
		e.next = nil
	}
	if ws.Signaled() && ws.Signal() == unix.SIGKILL && !t.doomed && !e.ending {
		e.fatal = ErrLost
	}
	e.released++ // what it had locked
	t.state = stateDead
	t.status = ws
	e.traceEnd(t)
	delete(e.tasks, t.pid)
	if t.pidfd >= 0 {
		unix.Close(t.pidfd)
		t.pidfd = -1
	}
	e.forgetDirs(t)
	for _, u := range t.victims {
		if u.state != stateDead {
			e.signaled(u, unix.SIGKILL, t)
		}
	}
	t.release()
	if p := t.vforkOf; p != nil {
		t.vforkOf, t.vforkParent = nil, p
		if p.state == stateVfork {
			e.await(p, "end of vfork")
		}
	}
	woken := e.orphaned(t)
	for _, k := range t.kids {
		k.parent = nil
		if sig := k.parentDeath; sig != 0 && k.state != stateDead && !e.ending {
			e.signaled(k, sig, t)
			unix.Kill(k.pid, sig)
		}
		if k.state == stateDead {
			e.reap(k)
		}
	}
	t.kids = nil
	for _, u := range woken {
		e.signaled(u, unix.SIGCONT, t)
	}
	p := t.parent
	if p == nil || p.noWait {
		if p != nil {
			p.dropKid(t)
		}
		e.reap(t)
	}
	if p != nil {
		p.raised = true
	}
}

// reap forgets a dead task that its parent has waited for.
func (e *engine) reap(t *task) {
	if t.reaped {
		return
	}
	t.reaped = true
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
