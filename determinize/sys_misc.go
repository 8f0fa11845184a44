package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/vfs"
)

// runEnter lets a call through whose result is a function of the box: it stops
// because it is a tick, an observation or a change that records will hold.
func runEnter(e *engine, t *task) verdict { return run() }

// chdirEnter handles chdir and fchdir.
func chdirEnter(e *engine, t *task) verdict {
	if t.call.Nr == unix.SYS_FCHDIR {
		if errno := e.mayEnter(t, t.fd(0)); errno != 0 {
			return fail(errno)
		}
	} else if errno := e.mayAt(t, unix.AT_FDCWD, t.arg(0), false, true, enter); errno != 0 {
		return fail(errno)
	}
	return runThen(func(ret int64) {
		if ret == 0 {
			t.cwd = nil // found out when it is needed
		}
	})
}

// checkedEnter lets a call through and looks whether it failed for want of
// something that the host has a limit of.
func checkedEnter(e *engine, t *task) verdict {
	return runThen(func(ret int64) { e.exhausted(t, ret) })
}

// orderedEnter lets an ordered call through when its turn has come.
func orderedEnter(e *engine, t *task) verdict {
	if v, wait := e.order(t, e.everybody(t)); wait {
		return v
	}
	return run()
}

// yieldEnter handles sched_yield.
func yieldEnter(e *engine, t *task) verdict { return answer(0) }

// prctlEnter handles prctl.
func prctlEnter(e *engine, t *task) verdict {
	r, v, ok := e.rule(t, &policy.Prctls, t.arg(0))
	if !ok {
		return v
	}
	switch t.fd(0) {
	case unix.PR_SET_CHILD_SUBREAPER:
		if v, wait := e.order(t, e.everybody(t)); wait {
			return v
		}
		return runThen(func(ret int64) {
			if t.orphans = nil; ret == 0 && t.arg(1) != 0 {
				t.orphans, e.subreapers = e.everybody(t), true
			}
		})
	case unix.PR_SET_PDEATHSIG:
		if t.arg(1) > 64 {
			return fail(unix.EINVAL)
		}
		t.parentDeath = unix.Signal(t.arg(1))
		return answer(0)
	case unix.PR_GET_PDEATHSIG:
		return e.put(t, t.arg(1), []byte{byte(t.parentDeath), 0, 0, 0})
	case unix.PR_GET_DUMPABLE:
		return answer(int64(1 - t.dump))
	case unix.PR_SET_DUMPABLE:
		if t.arg(1) > 1 {
			return fail(unix.EINVAL)
		}
		t.dump = 1 - t.arg(1)
		return answer(0)
	}
	if r.Class == policy.Emulate {
		switch t.fd(0) {
		case unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS:
			if e.cfg.Users {
				return run() // in containers there are setuid programs
			}
		case unix.PR_GET_TSC:
			return e.put(t, t.arg(1), []byte{1, 0, 0, 0}) // PR_TSC_ENABLE
		case unix.PR_GET_TIMERSLACK:
			return answer(50000)
		}
		return answer(0)
	}
	return run()
}

// archPrctlEnter handles the arch_prctl options that stop.
func archPrctlEnter(e *engine, t *task) verdict {
	r, v, ok := e.rule(t, &policy.ArchPrctls, t.arg(0))
	if !ok {
		return v
	}
	if r.Class == policy.Emulate {
		return answer(1) // ARCH_GET_CPUID: enabled
	}
	return run()
}

// mmapEnter handles the mmap, mprotect, mremap calls that stop.
func mmapEnter(e *engine, t *task) verdict {
	switch t.call.Nr {
	case unix.SYS_MMAP:
		if r, bad := policy.MmapFlags.Refused(t.arg(3)); bad {
			return e.refusedFlags(t, r)
		}
		if r, bad := policy.ProtFlags.Refused(t.arg(2)); bad {
			return e.refusedFlags(t, r)
		}
		e.dropFlags(t, 3, policy.MmapFlags.Bits(t.arg(3), policy.Emulate))
		if t.arg(0) >= policy.HighAddress {
			if t.arg(3)&(unix.MAP_FIXED|unix.MAP_FIXED_NOREPLACE) != 0 {
				return fail(unix.ENOMEM)
			}
			e.setArg(t, 0, 0) // a hint, of no use
		}
		if t.arg(1) >= policy.HighAddress {
			return run() // more than there is anywhere: fails
		}
		const shared, anonymous = unix.MAP_SHARED, unix.MAP_ANONYMOUS
		if t.arg(3)&shared != 0 && e.mayShare(t) {
			if v, wait := e.serially(t); wait {
				return v
			}
			t.memory = true
		}
		if t.arg(3)&anonymous == 0 {
			if v, wait := e.mapped(t, t.fd(4)); wait {
				return v
			}
		}
	case unix.SYS_MPROTECT:
		if r, bad := policy.ProtFlags.Refused(t.arg(2)); bad {
			return e.refusedFlags(t, r)
		}
	case unix.SYS_MREMAP:
		if r, bad := policy.MremapFlags.Refused(t.arg(3)); bad {
			return e.refusedFlags(t, r)
		}
		if t.arg(3)&unix.MREMAP_FIXED != 0 && t.arg(4) >= policy.HighAddress {
			return fail(unix.EINVAL)
		}
	}
	return checkedEnter(e, t)
}

// mayShare tells whether a mapping that a task makes is one that others may see it
// write to: all that are shared, but for files that nobody can write to.
func (e *engine) mayShare(t *task) bool {
	if t.arg(3)&unix.MAP_ANONYMOUS != 0 {
		return true
	}
	fl, errno := e.flags(t, t.fd(4))
	return errno == 0 && fl&unix.O_ACCMODE != unix.O_RDONLY
}

// brkEnter handles brk, which tells no errno: what it returns is the end of the
// heap.
func brkEnter(e *engine, t *task) verdict {
	want := t.arg(0)
	return runThen(func(ret int64) {
		if uint64(ret) < want && want < policy.HighAddress {
			e.exhausted(t, -int64(unix.ENOMEM))
		}
	})
}

// dropFlags keeps flags from the kernel that the engine gives their meaning.
func (e *engine) dropFlags(t *task, arg int, flags uint64) {
	if flags != 0 {
		e.setArg(t, arg, t.arg(arg)&^flags)
	}
}

func (e *engine) refusedFlags(t *task, r policy.Rule) verdict {
	name := r.Name
	if name == "" {
		name = "flags"
	}
	e.refuse(callName(t) + "(" + name + ")")
	return fail(r.Errno)
}

// mapped notes a mapping of a file: if it is shared and can be written, the content changes
// from now on without a call.
func (e *engine) mapped(t *task, fd int32) (verdict, bool) {
	var st unix.Stat_t
	if k, errno := e.kindOf(t, fd, &st); errno != 0 || k != kindFile {
		return verdict{}, false
	}
	n := e.changing(t, fd, &st)
	if v, wait := e.fileTurn(t, n); wait {
		return v, true
	}
	e.observe(t, &st)
	if t.arg(3)&unix.MAP_SHARED == 0 || !e.mayShare(t) {
		e.maps(t, n, conflict.Read)
		return verdict{}, false
	}
	e.maps(t, n, conflict.Change)
	if t.arg(2)&unix.PROT_WRITE != 0 {
		e.wrote(t, e.inode(&st, func() (string, unix.Errno) { return e.pathOf(e.fdPath(t, fd)) }))
	}
	return verdict{}, false
}

// madviseEnter handles the advice that stops.
func madviseEnter(e *engine, t *task) verdict {
	r, v, ok := e.rule(t, &policy.Madvises, t.arg(2))
	if !ok {
		return v
	}
	if t.fd(2) == unix.MADV_FREE {
		// When its pages turn to zero is the host's memory pressure: at once.
		e.setArg(t, 2, unix.MADV_DONTNEED)
		return run()
	}
	if r.Class == policy.Emulate {
		return answer(0)
	}
	return run()
}

// memfdEnter handles memfd_create.
func memfdEnter(e *engine, t *task) verdict {
	const huge = unix.MFD_HUGETLB
	if t.arg(1)&huge != 0 {
		e.refuse("memfd_create(MFD_HUGETLB)")
		return fail(unix.ENOSYS)
	}
	return runThen(func(ret int64) {
		var st unix.Stat_t
		if ret >= 0 && e.statFD(t, int32(ret), &st) == 0 {
			n := e.fs.Created(vfs.KeyOf(&st), "memfd:", t.id(), t.nth(), e.owner())
			t.writes(n)
			n.Wrote(&t.clk)
			e.mayMap(t, n, conflict.Read)
		}
	})
}

// seekEnter handles lseek. The end of a directory is the end of the listing that the
// guest is shown.
func seekEnter(e *engine, t *task) verdict {
	if t.fd(2) == unix.SEEK_SET && t.arg(1) <= MaxFile {
		return run()
	}
	var st unix.Stat_t
	k, errno := e.kindOf(t, t.fd(0), &st)
	if errno != 0 {
		return fail(errno)
	}
	if k == kindFile && e.seekBeyond(t, &st) {
		return fail(unix.EINVAL)
	}
	if k != kindDir || t.fd(2) != unix.SEEK_END {
		return run()
	}
	// Where its end is tells how many names there are.
	n := e.changing(t, t.fd(0), &st)
	if v, wait := e.fileTurn(t, n); wait {
		return v
	}
	e.onFile(t, n, conflict.Listing, conflict.Read)
	entries, errno := e.list(t, t.fd(0))
	if errno != 0 {
		return fail(errno)
	}
	e.showsListing(t, t.fd(0), entries)
	at := int64(len(entries)) + int64(t.arg(1))
	if at < 0 {
		return fail(unix.EINVAL)
	}
	e.setArg(t, 1, uint64(at))
	e.setArg(t, 2, unix.SEEK_SET)
	return run()
}

// personalityEnter handles personality: asking is fine, changing is not.
func personalityEnter(e *engine, t *task) verdict {
	const ask = 0xffffffff
	const noRandomize = 0x0040000 // ADDR_NO_RANDOMIZE
	switch uint32(t.arg(0)) {
	case ask:
		return answer(0)
	case 0, noRandomize:
		return answer(0)
	}
	e.refuse("personality")
	return fail(unix.EINVAL)
}

// seccompEnter handles a guest's own filters: they would outrank the box's.
func seccompEnter(e *engine, t *task) verdict {
	e.refuse("seccomp")
	return fail(unix.EINVAL)
}

// copyEnter handles copy_file_range between regular files.
func copyEnter(e *engine, t *task) verdict {
	var in, out unix.Stat_t
	ki, errno := e.kindOf(t, t.fd(0), &in)
	if errno != 0 {
		return fail(errno)
	}
	ko, errno := e.kindOf(t, t.fd(2), &out)
	if errno != 0 {
		return fail(errno)
	}
	if ki == kindDir || ko == kindDir {
		return fail(unix.EISDIR)
	}
	if ki != kindFile || ko != kindFile {
		return fail(unix.EINVAL)
	}
	if in.Dev != out.Dev {
		return fail(unix.EXDEV) // whether it works depends on the file systems
	}
	if v, wait := e.readsFile(t, t.fd(0), &in); wait {
		return v
	}
	e.observe(t, &in)
	return e.moves(t, e.writeFile(t, t.fd(2), &out), t.fd(0), unix.IN_ACCESS)
}
