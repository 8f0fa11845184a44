package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/pids"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
)

// cloneExitSignal are the bits of clone's flags that are the exit signal.
const cloneExitSignal = 0xff

// Sizes of struct clone_args: its first version's, up to the last member that
// is known, and the most that the kernel takes; clone(2).
const (
	cloneArgsLeast = 64
	cloneArgsKnown = 88
	cloneArgsMost  = 4096
)

// cloneCall is what a clone call asks for.
type cloneCall struct {
	flags  uint64 // CLONE_*, without the exit signal
	pidfd  uint64 // address for CLONE_PIDFD
	exit   uint64 // signal
	setTid bool   // it chooses the pid
}

// forkEnter handles fork and vfork.
func forkEnter(e *engine, t *task) verdict {
	vfork := t.call.Nr == unix.SYS_VFORK
	return e.planFork(t, forkPlan{vfork: vfork})
}

// cloneEnter handles clone and clone3.
func cloneEnter(e *engine, t *task) verdict {
	// clone looks at 32 bits of its flags.
	c := cloneCall{flags: uint64(uint32(t.arg(0)) &^ cloneExitSignal), exit: t.arg(0) & cloneExitSignal, pidfd: t.arg(2)}
	if t.call.Nr == unix.SYS_CLONE3 {
		size := t.arg(1)
		switch {
		case size > cloneArgsMost:
			return fail(unix.E2BIG)
		case size < cloneArgsLeast:
			return fail(unix.EINVAL)
		}
		args := make([]byte, size)
		if e.tr.ReadFull(t.pid, t.arg(0), args) != 0 {
			return fail(unix.EFAULT)
		}
		var errno unix.Errno
		if c, errno = parseCloneArgs(args); errno != 0 {
			return fail(errno)
		}
	}
	if what, errno := c.refused(); errno != 0 {
		e.refuse(callName(t) + "(" + what + ")")
		return fail(errno)
	}
	plan := forkPlan{vfork: c.flags&unix.CLONE_VFORK != 0, cloned: c.exit != uint64(unix.SIGCHLD)}
	if c.thread() {
		if v, wait := e.serially(t); wait {
			return v
		}
		plan = forkPlan{thread: true}
	}
	if c.flags&unix.CLONE_PIDFD != 0 {
		return e.forkWithPidfd(t, plan, &c)
	}
	return e.planFork(t, plan)
}

// parseCloneArgs reads a struct clone_args of cloneArgsLeast bytes or more.
func parseCloneArgs(args []byte) (cloneCall, unix.Errno) {
	if len(args) > cloneArgsKnown {
		for _, b := range args[cloneArgsKnown:] {
			if b != 0 {
				return cloneCall{}, unix.E2BIG
			}
		}
	}
	at := func(i int) uint64 {
		if i+8 > len(args) {
			return 0
		}
		return binary.LittleEndian.Uint64(args[i:])
	}
	c := cloneCall{flags: at(0), pidfd: at(8), exit: at(32), setTid: at(64) != 0}
	if c.flags&(cloneExitSignal&^unix.CLONE_NEWTIME) != 0 || c.exit > 64 || c.setTid != (at(72) != 0) {
		return cloneCall{}, unix.EINVAL
	}
	return c, 0
}

// threadFlags are what a thread has in common with its maker; pthreads(7).
const threadFlags = unix.CLONE_THREAD | unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_FILES | unix.CLONE_FS

// thread tells whether a call makes a thread.
func (c *cloneCall) thread() bool { return c.flags&threadFlags == threadFlags }

// refused says what of a call is refused and with which errno, or 0. Of threads there is
// one kind, those that pthread_create makes.
func (c *cloneCall) refused() (what string, errno unix.Errno) {
	rule, bad := policy.CloneFlags.Refused(c.flags)
	switch {
	case c.setTid:
		return "set_tid", unix.EPERM
	case bad && rule.Name == "":
		return "flags", rule.Errno
	case bad:
		return rule.Name, rule.Errno
	case c.flags&unix.CLONE_PIDFD != 0 && c.flags&(unix.CLONE_THREAD|unix.CLONE_DETACHED) != 0:
		return "CLONE_PIDFD", unix.EINVAL
	case c.thread() && c.flags&unix.CLONE_VFORK == 0:
		return "", 0
	case c.flags&unix.CLONE_THREAD != 0:
		return "CLONE_THREAD", unix.EINVAL
	case c.flags&unix.CLONE_SIGHAND != 0:
		return "CLONE_SIGHAND", unix.EINVAL
	case c.flags&unix.CLONE_FILES != 0:
		return "CLONE_FILES", unix.EINVAL
	case c.flags&unix.CLONE_FS != 0:
		return "CLONE_FS", unix.EINVAL
	case c.flags&unix.CLONE_VM != 0 && c.flags&unix.CLONE_VFORK == 0:
		return "CLONE_VM", unix.EINVAL
	case c.exit != uint64(unix.SIGCHLD) && c.exit != 0:
		return "exit signal", unix.EINVAL
	}
	return "", 0
}

// Options of the wait calls; waitid(2).
const (
	pAll, pPid, pPgid, pPidfd = 0, 1, 2, 3
)

// wait4Enter handles wait4.
func wait4Enter(e *engine, t *task) verdict {
	id, options := t.fd(0), t.arg(2)
	const known = unix.WNOHANG | unix.WUNTRACED | unix.WCONTINUED | unix.WNOTHREAD | unix.WALL | unix.WCLONE
	if options&^known != 0 {
		return fail(unix.EINVAL)
	}
	match, group := func(k *task) bool { return true }, id == 0 || id < -1
	switch {
	case id < -1:
		match = func(k *task) bool { return k.pgid == int(-id) }
	case id == 0:
		match = func(k *task) bool { return k.pgid == t.pgid }
	case id > 0:
		match = func(k *task) bool { return k.vpid == int(id) }
	}
	status, ru := t.arg(1), t.arg(3)
	return e.wait(t, match, group, options, true, func(k *task) {
		if k != nil && id != int32(k.vpid) {
			e.setArg(t, 0, uint64(k.vpid))
		}
	}, func(k *task, ret int64) {
		if ret > 0 && status != 0 {
			var b [4]byte
			if e.tr.ReadFull(t.pid, status, b[:]) == 0 && withoutCore(b[:]) {
				e.tr.WriteFull(t.pid, status, b[:])
			}
		}
		if ret > 0 && ru != 0 && k != nil {
			e.tr.WriteFull(t.pid, ru, k.usage())
		}
	})
}

// waitidEnter handles waitid.
func waitidEnter(e *engine, t *task) verdict {
	kind, id, options := t.fd(0), t.fd(1), t.arg(3)
	const events = unix.WEXITED | unix.WSTOPPED | unix.WCONTINUED
	const known = events | unix.WNOHANG | unix.WNOWAIT | unix.WNOTHREAD | unix.WALL | unix.WCLONE
	if options&^known != 0 || options&events == 0 {
		return fail(unix.EINVAL)
	}
	match, nonblock := func(k *task) bool { return true }, false
	switch kind {
	case pAll:
	case pPid:
		if id <= 0 {
			return fail(unix.EINVAL)
		}
		match = func(k *task) bool { return k.vpid == int(id) }
	case pPgid:
		if id < 0 {
			return fail(unix.EINVAL)
		}
		match = func(k *task) bool { return k.pgid == int(id) || id == 0 && k.pgid == t.pgid }
	case pPidfd:
		pd, errno := e.pidfdOf(t, id)
		switch {
		case errno != 0:
			return fail(errno)
		case !slices.Contains(t.kids, pd.of.leader):
			return fail(unix.ECHILD)
		}
		fl, _ := e.flags(t, id)
		nonblock = fl&unix.O_NONBLOCK != 0 && options&unix.WNOHANG == 0
		id = int32(pd.of.vpid)
		match = func(k *task) bool { return k.process == pd.of }
	default:
		return fail(unix.EINVAL)
	}
	info, ru := t.arg(2), t.arg(4)
	if nonblock {
		options |= unix.WNOHANG
	}
	v := e.wait(t, match, kind == pPgid, options, options&unix.WEXITED != 0, func(k *task) {
		if k != nil {
			id = int32(k.vpid)
		} else if kind != pPidfd {
			return
		}
		e.setArg(t, 0, pPid)
		e.setArg(t, 1, uint64(id))
	}, func(k *task, ret int64) {
		if ret != 0 {
			return
		}
		if info != 0 {
			var b [128]byte
			if e.tr.ReadFull(t.pid, info, b[:]) == 0 && binary.LittleEndian.Uint32(b[:]) != 0 {
				if !e.cfg.Users {
					binary.LittleEndian.PutUint32(b[siUID:], uint32(e.cfg.UID))
				}
				killedWithoutCore(b[:])
				e.tr.WriteFull(t.pid, info, b[:])
			}
		}
		if ru != 0 && k != nil {
			e.tr.WriteFull(t.pid, ru, k.usage())
		}
	})
	if nonblock && v.do == doAnswer && v.ret == 0 {
		return fail(unix.EAGAIN)
	}
	return v
}

// wait waits for a child that match accepts, by its group or not. The child that goes
// first in order of its exit is chosen here, by choose; the kernel then reports it. It is
// nil when there is none any more, which the kernel says too.
func (e *engine) wait(t *task, match func(*task) bool, group bool, options uint64, exits bool, choose func(*task), done func(*task, int64)) verdict {
	find := func() *task {
		var best *task
		for _, k := range t.kids {
			if !eligible(k, options) || !match(k) || !waitable(k, options, exits) {
				continue
			}
			if best == nil || k.changed().Before(best.changed()) {
				best = k
			}
		}
		return best
	}
	scope := func(visit func(*sched.Task)) {
		if t.orphans != nil {
			t.orphans(visit)
		}
		for _, k := range t.kids {
			if !eligible(k, options) || !group && !match(k) { // its group may yet be another one
				continue
			}
			if group || options&(unix.WSTOPPED|unix.WCONTINUED) != 0 {
				visit(&k.ord)
			} else {
				visit(&k.end)
			}
		}
	}
	any := func() bool {
		return slices.ContainsFunc(t.kids, func(k *task) bool { return eligible(k, options) && match(k) && k.adopted.Before(t.stamp()) })
	}
	report := func(k *task) verdict {
		choose(k)
		return runThen(func(ret int64) {
			done(k, ret)
			if ret < 0 {
				return
			}
			t.clk.Join(k.clk.Edge)
			if k.memory && k.state == stateDead && !k.status.Signaled() { // one that was killed may have read on
				t.clk.Share(k.clk.Edge)
			}
			if options&unix.WNOWAIT != 0 {
				return
			}
			switch {
			case k.state == stateDead:
				t.kidOwn += k.clk.Own() + k.kidOwn
				t.kidAny = true
				k.waiter = t
				e.waitedFor(k, t)
				t.dropKid(k)
				e.reap(k)
			case k.stopped != 0:
				k.stopSeen = true
			default:
				k.contd = false
			}
		})
	}
	if options&unix.WNOHANG != 0 {
		if v, wait := e.order(t, scope); wait {
			return v
		}
		k := find()
		switch {
		case k != nil && k.changed().Before(t.stamp()):
			return e.afterDeath(t, k, report)
		case any():
			return e.nothingYet(t)
		}
		choose(nil)
		return runThen(func(ret int64) { done(nil, ret) })
	}
	v := block(saying("a child"), scope, func() (sched.Stamp, bool) {
		if k := find(); k != nil {
			return k.changed(), true
		}
		return sched.Stamp{B: t.deaths}, !any()
	})
	v.first = true
	v.then = func() verdict {
		if k := find(); k != nil {
			return e.afterDeath(t, k, report)
		}
		choose(nil)
		return runThen(func(ret int64) { done(nil, ret) })
	}
	return v
}

// afterDeath reports a child, once it is really dead if it has ended.
func (e *engine) afterDeath(t, k *task, report func(*task) verdict) verdict {
	if k.state == stateExiting {
		e.letGo(t, k)
	}
	if t.reaping == 0 {
		return report(k)
	}
	t.later = func() { e.apply(t, report(k)) }
	e.park(t, stateReaping)
	return verdict{do: doHold}
}

// nothingYet is what a wait returns that does not wait.
func (e *engine) nothingYet(t *task) verdict {
	if info := t.arg(2); t.call.Nr == unix.SYS_WAITID && info != 0 {
		// All members are set but those that nothing tells; waitid(2).
		var b [siStatus + 4]byte
		if e.tr.ReadFull(t.pid, info, b[:]) != 0 {
			return fail(unix.EFAULT)
		}
		clear(b[:siCode+4])
		clear(b[siPID:])
		e.tr.WriteFull(t.pid, info, b[:])
	}
	return answer(0)
}

// withoutCore takes from a wait status that a core was dumped, which the host
// decides, and tells whether it said so; wait(2).
func withoutCore(status []byte) bool {
	const dumped, stopped = 0x80, 0x7f
	sig := status[0] &^ dumped
	if status[0]&dumped == 0 || sig == 0 || sig == stopped {
		return false
	}
	status[0] = sig
	return true
}

// killedWithoutCore does the same to a siginfo_t of SIGCHLD; sigaction(2).
func killedWithoutCore(info []byte) {
	const killed, dumped = 2, 3 // CLD_KILLED, CLD_DUMPED
	if binary.LittleEndian.Uint32(info[siCode:]) == dumped {
		binary.LittleEndian.PutUint32(info[siCode:], killed)
	}
}

// eligible tells whether a wait looks at a child at all: at those made by
// clone with another exit signal only when asked to.
func eligible(k *task, options uint64) bool {
	return options&unix.WALL != 0 || k.cloned == (options&unix.WCLONE != 0)
}

// usage is what a wait shows of the resources that a child used.
func (t *task) usage() []byte { return rusage(t.clk.Own() + t.kidOwn) }

// changed is when what a wait tells of a task happened: its end, stop or continuation.
func (t *task) changed() sched.Stamp {
	switch {
	case t.state == stateDead, t.state == stateExiting:
		if t.shown().Before(t.adopted) {
			return t.adopted
		}
		return t.shown()
	case t.contd && t.stopped == 0:
		return t.contdAt
	}
	return t.stamp()
}

// waitable tells whether a child has something to report.
func waitable(k *task, options uint64, exits bool) bool {
	switch {
	case k.state == stateDead:
		return exits
	case k.state == stateExiting:
		return exits && !k.parent.noWait // else it leaves nothing behind
	case k.stopped != 0 && !k.stopSeen:
		return options&unix.WSTOPPED != 0
	case k.contd:
		return options&unix.WCONTINUED != 0
	}
	return false
}

// groupEnter handles getpgrp and getpgid. A task that has not started a program yet may be
// moved to another group by its parent.
func groupEnter(e *engine, t *task) verdict {
	if p := t.parent; t.forked && p != nil {
		if v, wait := e.order(t, func(visit func(*sched.Task)) { visit(&p.ord) }); wait {
			return v
		}
	}
	return run()
}

// setpgidEnter handles setpgid.
func setpgidEnter(e *engine, t *task) verdict {
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	pid, pgid := int(t.fd(0)), int(t.fd(1))
	if k := e.vpids[pid]; k != nil && k.parent == t.leader && !k.forked && t.stamp().Before(k.startedAt) {
		// It has started a program already, after which the kernel refuses.
		if k.pgid == pgid || pgid == 0 && k.pgid == k.vpid {
			return answer(0)
		}
		e.overtaken("life", "its parent moved it to another group when it had started a program already", k)
	}
	return runThen(func(ret int64) {
		if ret != 0 {
			return
		}
		who := t
		if pid != 0 {
			who = e.vpids[pid]
		}
		if who == nil {
			return
		}
		if pgid == 0 {
			pgid = who.vpid
		}
		who.pgid = pgid
		e.inGroup(who)
		e.pids.SetIDs(who.vpid, pids.IDs{PGID: who.pgid, SID: who.sid})
	})
}

// setsidEnter handles setsid.
func setsidEnter(e *engine, t *task) verdict {
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	return runThen(func(ret int64) {
		if ret > 0 {
			t.sid, t.pgid = t.vpid, t.vpid
			e.pids.SetIDs(t.vpid, pids.IDs{PGID: t.pgid, SID: t.sid})
		}
	})
}
