package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// pidfd stands for a process; pidfd_open(2).
type pidfd struct {
	key vfs.Key
	of  *process
}

func (pd *pidfd) title() string                { return "[pidfd]" }
func (pd *pidfd) read(*engine, *task) verdict  { return fail(unix.EINVAL) }
func (pd *pidfd) write(*engine, *task) verdict { return fail(unix.EINVAL) }

func (pd *pidfd) closed(*engine) {
	pd.of.pidfds = slices.DeleteFunc(pd.of.pidfds, func(k vfs.Key) bool { return k == pd.key })
}

// ready is for a task that polls before the process ends as for one that does while it runs,
// however fast that was.
func (pd *pidfd) ready(_ *engine, t *task) int16 {
	if pd.over() && pd.of.leader.shown().Before(t.stamp()) {
		return pollIn
	}
	return 0
}

func (pd *pidfd) since(_ *engine, _ *task, asked int16) (sched.Stamp, bool) {
	return pd.of.leader.shown(), pd.over() && asked&pollIn != 0
}

// over tells whether the process has come to its end.
func (pd *pidfd) over() bool {
	s := pd.of.leader.state
	return s == stateExiting || s == stateDead
}

// pidfdFor makes a pidfd of a process.
func pidfdFor(of *process) func(vfs.Key) object {
	return func(k vfs.Key) object {
		of.pidfds = append(of.pidfds, k)
		return &pidfd{key: k, of: of}
	}
}

// pidfdOf is the pidfd that a descriptor leads to.
func (e *engine) pidfdOf(t *task, fd int32) (*pidfd, unix.Errno) {
	pd, ok := e.objectAt(t, fd).(*pidfd)
	if !ok {
		return nil, unix.EBADF
	}
	return pd, 0
}

// pidfdOpenEnter handles pidfd_open.
func pidfdOpenEnter(e *engine, t *task) verdict {
	pid, flags := t.fd(0), uint64(uint32(t.arg(1)))
	if flags&^unix.O_NONBLOCK != 0 || pid <= 0 {
		return fail(unix.EINVAL)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	u := e.vpids[int(pid)]
	switch {
	case pid == 1 && e.init != nil:
		u = e.init
	case u == nil && e.threadByID(int(pid)) != nil:
		return fail(unix.EINVAL) // not a process's first thread
	case u == nil || !u.bornBefore(t):
		return fail(unix.ESRCH)
	}
	return e.standIn(t, flags|unix.O_CLOEXEC, pidfdFor(u.process))
}

// pidfdSignalEnter handles pidfd_send_signal.
func pidfdSignalEnter(e *engine, t *task) verdict {
	sig, info := t.arg(1), t.arg(2)
	if v, wait := e.serially(t); wait {
		return v
	}
	pd, errno := e.pidfdOf(t, t.fd(0))
	switch {
	case uint32(t.arg(3)) != 0:
		return fail(unix.EINVAL)
	case errno != 0:
		return fail(errno)
	}
	self := pd.of == t.process
	l := letter{sig: unix.Signal(sig), at: t.stamp(), edge: t.clk.Edge}
	if info != 0 {
		if e.tr.ReadFull(t.pid, info, l.info[:]) != 0 {
			return fail(unix.EFAULT)
		}
		if uint64(binary.LittleEndian.Uint32(l.info[:])) != uint64(uint32(sig)) {
			return fail(unix.EINVAL)
		}
		if !self && l.claims() {
			return fail(unix.EPERM)
		}
	} else {
		e.signs(t, &l, 0)
		binary.LittleEndian.PutUint32(l.info[:], uint32(sig))
	}
	switch {
	case uint32(sig) > maxSignal:
		return fail(unix.EINVAL)
	case e.init != nil && pd.of == e.init.process:
		return fail(unix.EPERM)
	case pd.of.reaped:
		return fail(unix.ESRCH)
	case !self && !e.maySignal(t, pd.of.leader):
		return fail(unix.EPERM)
	case sig != 0 && e.immune(pd.of.leader, unix.Signal(sig)):
		return answer(0)
	case self:
		return e.signalsItself(t, sig, info)
	}
	return e.mailAll(t, l, []*task{pd.of.leader})
}

// signalsItself has a task send a signal to its own process.
func (e *engine) signalsItself(t *task, sig, info uint64) verdict {
	if t.doomed = sig == uint64(unix.SIGKILL); t.doomed && t.threaded() {
		e.takesOver(t)
	}
	e.setArg(t, 0, uint64(t.vpid))
	e.setArg(t, 1, sig)
	if e.setArg(t, 2, info); info == 0 {
		e.tr.SetNr(t.pid, unix.SYS_KILL)
	} else {
		e.tr.SetNr(t.pid, unix.SYS_RT_SIGQUEUEINFO)
	}
	return runThen(func(int64) { e.raise(t, t.stamp()) })
}

// forkWithPidfd is planFork of a call with CLONE_PIDFD. The kernel is not asked for the
// descriptor: the parent makes it itself when the child is there.
func (e *engine) forkWithPidfd(t *task, plan forkPlan, c *cloneCall) verdict {
	legacy := t.call.Nr == unix.SYS_CLONE
	if legacy && c.flags&unix.CLONE_PARENT_SETTID != 0 {
		return fail(unix.EINVAL) // both at one address
	}
	var b [4]byte
	if e.tr.ReadFull(t.pid, c.pidfd, b[:]) != 0 || e.tr.WriteFull(t.pid, c.pidfd, b[:]) != 0 {
		return fail(unix.EFAULT)
	}
	if v, wait := e.serially(t); wait {
		return v
	}
	v := e.planFork(t, plan)
	if v.do != doRunThen {
		return v
	}
	flags := func(v uint64) {
		e.tr.WriteFull(t.pid, t.arg(0), binary.LittleEndian.AppendUint64(nil, v))
	}
	if legacy {
		e.setArg(t, 0, t.arg(0)&^unix.CLONE_PIDFD)
	} else {
		flags(c.flags &^ unix.CLONE_PIDFD)
	}
	planned, returned := t.plan, v.exit
	return runThen(func(ret int64) {
		if !legacy {
			flags(c.flags)
		}
		if returned(ret); ret <= 0 || planned.child == nil {
			return
		}
		e.inject(t, unix.SYS_SOCKET, [3]uint64{unix.AF_UNIX, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC}, func(fd int64) {
			e.standsIn(t, fd, pidfdFor(planned.child.process))
			e.tr.WriteFull(t.pid, c.pidfd, binary.LittleEndian.AppendUint32(nil, uint32(fd)))
		})
	})
}

// injection is a call that the engine has a task make of its own, after another one.
type injection struct {
	call tracer.Syscall
	done func(ret int64) // nil: there is none
}

// made tells whether a task has come to the call: it comes to others first where a signal's
// handler runs before.
func (i *injection) made(call *tracer.Syscall) bool {
	return i.done != nil && call.Nr == i.call.Nr && call.IP == i.call.IP && call.SP == i.call.SP && slices.Equal(call.Args[:3], i.call.Args[:3])
}

// inject has a task that is at the exit of a call make another one. Then, after done, it
// goes on from the exit of the first.
func (e *engine) inject(t *task, nr uint64, args [3]uint64, done func(ret int64)) {
	var r unix.PtraceRegs
	if e.tr.Regs(t.pid, &r) != 0 {
		return // it has been killed
	}
	exit, call := r, t.call
	r.Rip -= 2 // the syscall instruction
	r.Rax, r.Orig_rax = nr, ^uint64(0)
	r.Rdi, r.Rsi, r.Rdx = args[0], args[1], args[2]
	e.tr.SetRegs(t.pid, &r)
	t.left = false // the call is not over
	t.injected = injection{call: call, done: func(ret int64) {
		t.injected = injection{}
		t.call = call
		e.tr.SetRegs(t.pid, &exit)
		t.left = true
		done(ret)
	}}
	t.injected.call.Nr = nr
	copy(t.injected.call.Args[:], args[:])
}
