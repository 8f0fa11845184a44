package determinize

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/procfs"
	"laplace.dev/laplace/determinize/sched"
)

// unameEnter handles uname.
func unameEnter(e *engine, t *task) verdict {
	var u unix.Utsname
	copy(u.Sysname[:64], procfs.Sysname)
	copy(u.Nodename[:64], e.cfg.Hostname)
	copy(u.Release[:64], procfs.Release)
	copy(u.Version[:64], procfs.Version)
	copy(u.Machine[:64], procfs.Machine)
	domain := e.cfg.Domainname
	if domain == "" {
		domain = procfs.Domainname
	}
	copy(u.Domainname[:64], domain)
	return e.put(t, t.arg(0), bytesOf(&u))
}

// sysinfoEnter handles sysinfo: the machine that /proc/meminfo shows.
func sysinfoEnter(e *engine, t *task) verdict {
	m := procfs.MemoryOf(e.procfs)
	s := unix.Sysinfo_t{
		Uptime:   (uptime + e.readClock(t)) / 1e9,
		Totalram: m.Total, Freeram: m.Free, Bufferram: m.Buffers, Sharedram: m.Shared,
		Procs: 8, Unit: 1,
	}
	return e.put(t, t.arg(0), bytesOf(&s))
}

// affinityEnter handles sched_getaffinity: all the CPUs that the box has.
func affinityEnter(e *engine, t *task) verdict {
	who := e.who(t, int(t.fd(0)))
	if who == nil {
		return fail(unix.ESRCH)
	}
	size := (e.cfg.CPUs + 63) / 64 * 8
	if t.arg(1) < uint64(size) || t.arg(1)&7 != 0 {
		return fail(unix.EINVAL)
	}
	mask := make([]byte, size)
	for i := range e.cfg.CPUs {
		mask[i/8] |= 1 << (i % 8)
	}
	if who.cpus != nil {
		mask = who.cpus
	}
	if e.tr.WriteFull(t.pid, t.arg(2), mask) != 0 {
		return fail(unix.EFAULT)
	}
	return answer(int64(size))
}

// setAffinityEnter handles sched_setaffinity: accepted and without effect.
func setAffinityEnter(e *engine, t *task) verdict {
	who := e.who(t, int(t.fd(0)))
	if who == nil {
		return fail(unix.ESRCH)
	}
	mask := make([]byte, min(t.arg(1), 128))
	if e.tr.ReadFull(t.pid, t.arg(2), mask) != 0 {
		return fail(unix.EFAULT)
	}
	cpus := make([]byte, (e.cfg.CPUs+63)/64*8)
	any := false
	for i := range min(e.cfg.CPUs, 8*len(mask)) {
		if mask[i/8]&(1<<(i%8)) != 0 {
			cpus[i/8] |= 1 << (i % 8)
			any = true
		}
	}
	if !any {
		return fail(unix.EINVAL)
	}
	who.cpus = cpus
	return answer(0)
}

// getcpuEnter handles getcpu: everything runs on the first CPU.
func getcpuEnter(e *engine, t *task) verdict {
	for i := range 2 {
		if a := t.arg(i); a != 0 && e.tr.WriteFull(t.pid, a, make([]byte, 4)) != 0 {
			return fail(unix.EFAULT)
		}
	}
	return answer(0)
}

// setIDEnter handles the calls that set user and group ids: the box has one of
// each, and nobody may become somebody else.
func setIDEnter(e *engine, t *task) verdict {
	if e.cfg.Users {
		return e.changesCreds(t)
	}
	own, ids := uint32(e.cfg.UID), 1
	switch t.call.Nr {
	case unix.SYS_SETGID:
		own = uint32(e.cfg.GID)
	case unix.SYS_SETREUID:
		ids = 2
	case unix.SYS_SETREGID:
		own, ids = uint32(e.cfg.GID), 2
	case unix.SYS_SETRESUID:
		ids = 3
	case unix.SYS_SETRESGID:
		own, ids = uint32(e.cfg.GID), 3
	}
	const keep = ^uint32(0)
	for _, a := range t.call.Args[:ids] {
		if id := uint32(a); id == own || id == keep && ids > 1 {
			continue
		}
		if e.cfg.UID == 0 {
			e.refuse(callName(t)) // natively root could
		}
		return fail(unix.EPERM)
	}
	return answer(0)
}

// getgroupsEnter handles getgroups: the guest has no group but its own.
func getgroupsEnter(e *engine, t *task) verdict {
	if e.cfg.Users {
		return run()
	}
	if t.fd(0) < 0 {
		return fail(unix.EINVAL)
	}
	return answer(0)
}

// setGroupsEnter handles setgroups, which the guest of a box may not.
func setGroupsEnter(e *engine, t *task) verdict {
	if e.cfg.Users {
		return e.changesCreds(t)
	}
	e.refuse(callName(t))
	return fail(unix.EPERM)
}

// setFSIDEnter handles setfsuid and setfsgid. In a box there is nobody else to become.
func setFSIDEnter(e *engine, t *task) verdict {
	if e.cfg.Users {
		return e.changesCreds(t)
	}
	return run()
}

// capsEnter handles capget and capset.
func capsEnter(e *engine, t *task) verdict {
	switch {
	case !e.cfg.Users:
		return checkedEnter(e, t)
	case t.call.Nr == unix.SYS_CAPSET:
		return e.changesCreds(t)
	}
	return run()
}

// schedEnter handles the calls on scheduling parameters: the box has one
// ordinary scheduling class and no priorities.
func schedEnter(e *engine, t *task) verdict {
	zero := func(arg, size int) verdict { return e.put(t, t.arg(arg), make([]byte, size)) }
	switch t.call.Nr {
	case unix.SYS_SCHED_GETPARAM:
		return zero(1, 4)
	case unix.SYS_SCHED_RR_GET_INTERVAL:
		ts := unix.Timespec{Nsec: 100_000_000}
		return e.put(t, t.arg(1), bytesOf(&ts))
	case unix.SYS_SCHED_GETATTR:
		size := min(t.arg(2), 56)
		if size < 48 {
			return fail(unix.EINVAL)
		}
		b := make([]byte, size)
		binary.LittleEndian.PutUint32(b, uint32(size))
		return e.put(t, t.arg(1), b)
	case unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN:
		switch p := t.fd(0); {
		case p == 1 || p == 2:
			if t.call.Nr == unix.SYS_SCHED_GET_PRIORITY_MAX {
				return answer(99)
			}
			return answer(1)
		case p == 0 || p == 3 || p == 5 || p == 6:
			return answer(0)
		}
		return fail(unix.EINVAL)
	case unix.SYS_SCHED_SETSCHEDULER:
		if p := t.fd(1) &^ 0x40000000; p == 1 || p == 2 || p == 6 {
			return fail(unix.EPERM)
		}
	case unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR:
		return answer(0)
	case unix.SYS_GETPRIORITY:
		return answer(int64(20 - t.nice))
	case unix.SYS_SETPRIORITY:
		n := max(min(int(t.fd(2)), 19), -20)
		if n < t.nice {
			return fail(unix.EACCES)
		}
		t.nice = n
	case unix.SYS_IOPRIO_GET:
		return answer(0)
	}
	return answer(0)
}

// zeroEnter answers calls that have no effect that the guest could see.
func zeroEnter(e *engine, t *task) verdict { return answer(0) }

// absentEnter answers calls of features that a box does not have, which every
// program copes with.
func absentEnter(e *engine, t *task) verdict { return fail(unix.ENOSYS) }

// syncEnter handles fsync and its kin, of a descriptor that must exist.
func syncEnter(e *engine, t *task) verdict {
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	if k == kindPipe || k == kindTTY || k == kindSocket {
		return fail(unix.EINVAL)
	}
	return answer(0)
}

// limitEnter handles getrlimit, setrlimit and prlimit64. A limit that a
// process lowers takes effect in the kernel as well, where the kernel's own
// is not lower already.
func limitEnter(e *engine, t *task) verdict {
	res, newAddr, oldAddr := t.arg(0), uint64(0), uint64(0)
	switch t.call.Nr {
	case unix.SYS_GETRLIMIT:
		oldAddr = t.arg(1)
	case unix.SYS_SETRLIMIT:
		newAddr = t.arg(1)
	case unix.SYS_PRLIMIT64:
		u := e.who(t, int(t.fd(0)))
		if u == nil {
			return fail(unix.ESRCH)
		}
		if u.process != t.process {
			e.refuse("prlimit64(another process)")
			return fail(unix.EPERM)
		}
		res, newAddr, oldAddr = t.arg(1), t.arg(2), t.arg(3)
	}
	res = uint64(uint32(res))
	if res >= uint64(len(t.limits)) {
		return fail(unix.EINVAL)
	}
	old := t.limits[res]
	if newAddr != 0 {
		var l unix.Rlimit
		if e.tr.ReadFull(t.pid, newAddr, bytesOf(&l)) != 0 {
			return fail(unix.EFAULT)
		}
		if l.Cur > l.Max {
			return fail(unix.EINVAL)
		}
		if l.Max > old.Hard {
			return fail(unix.EPERM)
		}
		e.applyLimit(t, int(res), l)
		t.limits[res] = procfs.Limit{Soft: l.Cur, Hard: l.Max}
	}
	if oldAddr != 0 {
		return e.put(t, oldAddr, bytesOf(&old)) // laid out as struct rlimit
	}
	return answer(0)
}

// applyLimit sets the soft limit of a process in the kernel, as far as the
// kernel's hard limit allows. Hard limits are the engine's alone.
func (e *engine) applyLimit(t *task, res int, l unix.Rlimit) {
	switch res {
	case unix.RLIMIT_STACK, unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE, unix.RLIMIT_AS, unix.RLIMIT_DATA:
	default:
		return // counted in real time, or together with what else its user has
	}
	var real unix.Rlimit
	if unix.Prlimit(t.pid, res, nil, &real) != nil {
		return
	}
	want := unix.Rlimit{Cur: min(l.Cur, real.Max), Max: real.Max}
	if res == unix.RLIMIT_FSIZE {
		want.Cur = min(want.Cur, MaxFile)
	}
	if err := unix.Prlimit(t.pid, res, &want, nil); err != nil {
		e.log.Debug("set limit", "resource", res, "err", err)
	}
}

// getppidEnter handles getppid: init has the children of those that ended before.
func getppidEnter(e *engine, t *task) verdict {
	if p := e.parentOf(t); p != nil {
		return answer(int64(p.vpid))
	}
	if t.parentless() {
		return answer(0)
	}
	return answer(1)
}

// parentOf is the parent that a task is told of; nil says that it is init.
func (e *engine) parentOf(t *task) *task {
	p := t.parentAt(t.stamp())
	if p != nil {
		t.sawParent = t.clk.B
	}
	return p
}

// parentAt is a task's parent at a stamp; nil is init.
func (t *task) parentAt(at sched.Stamp) *task {
	p := t.forker
	if p == nil || !p.ended() || !p.stamp().Before(at) {
		return p
	}
	for p = p.forker; p != nil; p = p.forker {
		if p.leader.orphans != nil && !(p.ended() && p.stamp().Before(at)) {
			return p.leader
		}
	}
	return nil
}

// ended tells whether a task will make no call any more.
func (t *task) ended() bool {
	return t.state == stateDead || t.state == stateExiting || t.state == stateDying
}
