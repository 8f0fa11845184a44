package determinize

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// rule judges an argument and answers refusals.
func (e *engine) rule(t *task, rules *policy.Rules, v uint64) (policy.Rule, verdict, bool) {
	r, known := rules.Lookup(v)
	if r.Class != policy.Refuse {
		return r, verdict{}, true
	}
	name := r.Name
	if !known {
		name = fmt.Sprintf("%#x", uint32(v))
	}
	e.refuse(callName(t) + "(" + name + ")")
	return r, fail(r.Errno), false
}

// ioctlEnter handles ioctl.
func ioctlEnter(e *engine, t *task) verdict {
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	req := t.arg(1)
	if r, ok := policy.Ioctls.Lookup(req); !ok || r.Class == policy.Refuse {
		if k != kindTTY && r.Errno == unix.ENOTTY && ok {
			return fail(unix.ENOTTY) // what the file would have answered
		}
		_, v, _ := e.rule(t, &policy.Ioctls, req)
		return v
	}
	const figetbsz = 2 // FIGETBSZ
	switch req = uint64(uint32(req)); {
	case req == figetbsz:
		return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, 4096)) // as st_blksize
	case (req == unix.TIOCGWINSZ || req == unix.TIOCSWINSZ) && k == kindTTY && e.earFD() >= 0 && e.ttyKindOf(t, &st) == ttyOurs:
		return e.sizes(t, req)
	case k == kindObject && req == unix.TIOCINQ:
		if in, ok := e.objects[vfs.KeyOf(&st)].(*inotify); ok {
			return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, uint32(in.queued())))
		}
		return fail(unix.ENOTTY)
	case req == unix.RNDGETENTCNT && k == kindRandom:
		return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, 256)) // bits; the size of the pool since 5.18
	case k != kindSocket && interfaceRequests[req]:
		return fail(unix.ENOTTY)
	case k == kindSocket:
		return e.socketIoctl(t, e.socketTable[vfs.KeyOf(&st)], req)
	case req == unix.TIOCINQ && k == kindPipe:
		p := e.pipeOf(t, vfs.KeyOf(&st))
		if v, wait := e.order(t, p.scope(e, t, sched.Reads|sched.Writes)); wait {
			return v
		}
		n := p.Tell(t.hand(), t.stamp())
		if n > 0 {
			t.clk.Join(p.First().Edge)
		}
		return e.put(t, t.arg(2), binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	return run()
}

// fcntlEnter handles the fcntl commands that stop.
func fcntlEnter(e *engine, t *task) verdict {
	_, v, ok := e.rule(t, &policy.Fcntls, t.arg(1))
	if !ok {
		return v
	}
	cmd := t.fd(1)
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		return dupEnter(e, t)
	case unix.F_ADD_SEALS, unix.F_GET_SEALS:
		return e.seals(t)
	case unix.F_GETOWN, unix.F_GETSIG:
		return answer(0)
	case unix.F_GETPIPE_SZ:
		return answer(sched.Capacity)
	case unix.F_SETPIPE_SZ:
		if int64(int32(t.arg(2))) < 0 || t.arg(2) > 1<<20 {
			return fail(unix.EPERM)
		}
		return answer(sched.Capacity)
	case unix.F_GETFL:
		if v, wait := e.flagsTurn(t); wait {
			return v
		}
		if _, ok := e.objectAt(t, t.fd(0)).(*inotify); ok {
			return runThen(func(ret int64) { e.tr.SetResult(t.pid, ret&^unix.O_ACCMODE) }) // it is read only
		}
	case unix.F_SETFL:
		if v, wait := e.flagsTurn(t); wait {
			return v
		}
		if t.arg(2)&unix.O_ASYNC != 0 {
			e.refuse("fcntl(O_ASYNC)")
			return fail(unix.EINVAL)
		}
		e.setsFlags(t, t.fd(0), t.arg(2))
		return e.statusFlags(t)
	case unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_SETLK, unix.F_OFD_SETLKW, unix.F_GETLK, unix.F_OFD_GETLK:
		if v, wait := e.serially(t); wait {
			return v
		}
		e.locks(t)
		e.locksFor(t)
		switch cmd {
		case unix.F_SETLKW:
			return e.lock(t, 1, unix.F_SETLK, unix.EAGAIN)
		case unix.F_OFD_SETLKW:
			return e.lock(t, 1, unix.F_OFD_SETLK, unix.EAGAIN)
		}
		return e.tried(t)
	}
	return run()
}

// locks notes that a file lock may be taken. Who has inherited the descriptor may be
// the one that gives it up: anybody.
func (e *engine) locks(t *task) {
	if !e.locked {
		e.unfloors(t)
	}
	for _, u := range e.live {
		u.locker = true
	}
}

// unlocked notes that a task may have given file locks up.
func (e *engine) unlocked(t *task) {
	if t.locker {
		e.lockPast.Leave(&t.clk.Past)
		e.lockFree = t.stamp()
		e.unlocks++
		e.changes++
	}
}

// tried lets a call through that takes a lock if it is free, or gives one up. What it finds
// others have left.
func (e *engine) tried(t *task) verdict {
	return runThen(func(ret int64) {
		if ret == -int64(unix.EAGAIN) || ret == -int64(unix.EACCES) {
			e.lockedOutside(t)
		}
		t.clk.Past.Follow(&e.lockPast)
		e.unlocked(t)
	})
}

// flockEnter handles flock.
func flockEnter(e *engine, t *task) verdict {
	if v, wait := e.serially(t); wait {
		return v
	}
	e.locks(t)
	e.locksFor(t)
	op := t.arg(1)
	if op&unix.LOCK_NB != 0 || op&unix.LOCK_UN != 0 {
		return e.tried(t)
	}
	return e.lock(t, 1, op|unix.LOCK_NB, unix.EWOULDBLOCK)
}

// lock takes a lock without waiting in the kernel: argument arg is replaced by
// its non-blocking form. While the lock is held elsewhere the task waits for
// locks to be released, and then makes its call again.
func (e *engine) lock(t *task, arg int, nonblocking uint64, busy unix.Errno) verdict {
	e.setArg(t, arg, nonblocking)
	return runThen(func(ret int64) {
		if ret != -int64(busy) && ret != -int64(unix.EACCES) {
			t.clk.Past.Follow(&e.lockPast)
			t.asked = false
			return
		}
		t.blocker = nil
		e.lockedOutside(t)
		if t.call.Nr == unix.SYS_FCNTL {
			if e.circle(t) {
				e.tr.SetResult(t.pid, -int64(unix.EDEADLK))
				return
			}
		}
		seen, b := e.unlocks, t.clk.B
		if t.asked {
			b = t.askedB // nothing has happened, as far as it can tell
		}
		t.asked, t.askedB, t.clk.B = true, b, b
		e.waitHere(t, wait{
			why:    saying("a file lock"),
			event:  func() (sched.Stamp, bool) { return e.lockFree, e.unlocks != seen },
			then:   func() verdict { return e.again(t) },
			broken: func() verdict { return e.restartAtExit(t) },
		})
	})
}

// circle finds out who holds the record lock that a task waits for, and tells
// whether that one waits for the task itself; fcntl(2), EDEADLK.
func (e *engine) circle(t *task) bool {
	if cmd := t.fd(1); cmd != unix.F_SETLKW {
		return false
	}
	var l unix.Flock_t
	if e.tr.ReadFull(t.pid, t.arg(2), bytesOf(&l)) != 0 {
		return false
	}
	local, errno := e.borrow(t, t.fd(0))
	if errno != 0 {
		return false
	}
	defer unix.Close(local)
	if unix.FcntlFlock(uintptr(local), unix.F_GETLK, &l) != nil || l.Type == unix.F_UNLCK {
		return false
	}
	t.blocker = e.tasks[int(l.Pid)]
	for u := t.blocker; u != nil && u.state == stateBlocked; u = u.blocker {
		if u == t {
			return true
		}
		if u.blocker == t {
			return true
		}
	}
	return false
}

// again makes a task, stopped at the exit of a call, make the same call again.
func (e *engine) again(t *task) verdict {
	var r unix.PtraceRegs
	if e.tr.Regs(t.pid, &r) == 0 {
		r.Rip -= 2 // the syscall instruction
		r.Rax = t.call.Nr
		r.Orig_rax = ^uint64(0)
		e.tr.SetRegs(t.pid, &r)
	}
	t.brokenOff = true
	return verdict{do: doResume}
}

// restartAtExit makes the call at whose exit a task waits look interrupted.
func (e *engine) restartAtExit(t *task) verdict {
	e.tr.SetNr(t.pid, t.call.Nr)
	e.tr.SetResult(t.pid, restartSys)
	return verdict{do: doResume}
}

// pipeEnter handles pipe and pipe2.
func pipeEnter(e *engine, t *task) verdict {
	if t.call.Nr == unix.SYS_PIPE2 && t.arg(1)&^(unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_DIRECT) != 0 {
		e.refuse("pipe2(flags)")
		return fail(unix.EINVAL)
	}
	return runThen(func(ret int64) {
		if ret != 0 {
			e.exhausted(t, ret)
			return
		}
		var fds [2]int32
		var st unix.Stat_t
		if e.tr.ReadFull(t.pid, t.arg(0), bytesOf(&fds)) == 0 && e.statFD(t, fds[0], &st) == 0 {
			k := vfs.KeyOf(&st)
			n := e.fs.Created(k, "pipe:", t.id(), t.nth(), e.owner())
			n.Wrote(&t.clk)
			p := &pipe{key: k, by: t.exec.id}
			e.pipeTable[k] = p
			e.hold(t, p, sched.Reads|sched.Writes)
		}
	})
}
