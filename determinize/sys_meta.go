package determinize

import (
	"math"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// times is what a call of the utime family asks for: nanoseconds since 1970,
// or now, or nothing.
type times struct {
	now, omit bool
	mtime     int64
}

// utimeEnter handles utime, utimes, futimesat and utimensat. The kernel sets
// real times, which nobody sees; what counts is whether it may.
func utimeEnter(e *engine, t *task) verdict {
	dirfd, path, addr := int32(unix.AT_FDCWD), t.arg(0), t.arg(1)
	flags := uint64(0)
	switch t.call.Nr {
	case unix.SYS_UTIMENSAT:
		dirfd, path, addr, flags = t.fd(0), t.arg(1), t.arg(2), uint64(uint32(t.arg(3)))
	case unix.SYS_FUTIMESAT:
		dirfd, path, addr = t.fd(0), t.arg(1), t.arg(2)
	}
	want, errno := e.readTimes(t, addr)
	if errno != 0 {
		return fail(errno)
	}
	w := where{dir: e.procFD(), path: e.fdPath(t, dirfd)}
	if path != 0 {
		if w, errno = e.path(t, dirfd, path, flags&unix.AT_EMPTY_PATH != 0); errno != 0 {
			return fail(errno)
		}
		defer func() { w.close() }()
		if errno := e.may(t, &w, flags&unix.AT_SYMLINK_NOFOLLOW == 0, 0); errno != 0 {
			return fail(errno)
		}
	}
	return e.onInode(t, w, flags&unix.AT_SYMLINK_NOFOLLOW == 0, func(n *vfs.Inode) {
		switch {
		case want.omit:
		case want.now:
			t.clk.Overwrite()
			n.TouchNow(&t.clk)
			t.clk.Overwrite()
		default:
			n.SetMtime(&t.clk, subtract(want.mtime, e.epoch()))
		}
	})
}

// readTimes reads the modification time that a utime call asks for.
func (e *engine) readTimes(t *task, addr uint64) (times, unix.Errno) {
	if addr == 0 {
		return times{now: true}, 0
	}
	switch t.call.Nr {
	case unix.SYS_UTIME: // struct utimbuf
		var tb [2]int64
		if e.tr.ReadFull(t.pid, addr, bytesOf(&tb)) != 0 {
			return times{}, unix.EFAULT
		}
		return times{mtime: nanoseconds(tb[1], 0)}, 0
	case unix.SYS_UTIMENSAT:
		var ts [2]unix.Timespec
		if e.tr.ReadFull(t.pid, addr, bytesOf(&ts)) != 0 {
			return times{}, unix.EFAULT
		}
		const now, omit = 1<<30 - 1, 1<<30 - 2 // UTIME_NOW, UTIME_OMIT
		switch ts[1].Nsec {
		case now:
			return times{now: true}, 0
		case omit:
			return times{omit: true}, 0
		}
		return times{mtime: nanoseconds(ts[1].Sec, ts[1].Nsec)}, 0
	}
	var tv [2]unix.Timeval
	if e.tr.ReadFull(t.pid, addr, bytesOf(&tv)) != 0 {
		return times{}, unix.EFAULT
	}
	return times{mtime: nanoseconds(tv[1].Sec, tv[1].Usec*1000)}, 0
}

// keepsTime tells whether the call that a task has made leaves the modification time as it was.
func (e *engine) keepsTime(t *task) bool {
	if t.call.Nr != unix.SYS_UTIMENSAT {
		return false
	}
	want, errno := e.readTimes(t, t.arg(2))
	return errno == 0 && want.omit
}

// nanoseconds is a time in nanoseconds since 1970, or the nearest that there
// is: the years 1678 to 2262. nsec is only added where the kernel takes it.
func nanoseconds(sec, nsec int64) int64 {
	const most = math.MaxInt64/1_000_000_000 - 1
	sec = min(max(sec, -most), most)
	if nsec < 0 || nsec > 999_999_999 {
		nsec = 0 // the call is going to fail
	}
	return sec*1_000_000_000 + nsec
}

// subtract is a-b, or the nearest number from which b can be added again.
func subtract(a, b int64) int64 {
	switch d := a - b; {
	case b < 0 && d < a:
		return math.MaxInt64
	case b > 0 && d > a:
		return math.MinInt64
	default:
		return d
	}
}

// onInode lets a call that changes a file's metadata or content through and
// calls f with its inode when it succeeded.
func (e *engine) onInode(t *task, w where, follow bool, f func(*vfs.Inode)) verdict {
	var st unix.Stat_t
	var n *vfs.Inode
	var told fileAt
	if e.stat(w, follow, &st) == 0 && st.Dev != e.proc {
		e.unite(t, w, &st)
		if e.stat(w, follow, &st) == 0 {
			n = e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
		}
		if path, errno := e.canonical(w, follow); e.watchesFiles() && errno == 0 && n != nil {
			told = e.fileAt(n, &st, path)
		}
	}
	if v, wait := e.fileTurn(t, n); wait {
		return v
	}
	if nr := t.call.Nr; n != nil && (nr == unix.SYS_TRUNCATE || nr == unix.SYS_FTRUNCATE || nr == unix.SYS_FALLOCATE) {
		e.changesContent(t, n, nr == unix.SYS_TRUNCATE && t.arg(1) == 0)
	}
	if n != nil {
		e.settleFile(t.rec(), n)
		e.seesBase(t, n)
	}
	return runThen(func(ret int64) {
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		if n != nil {
			e.changesMeta(t, n)
			n.Changed(&t.clk)
			f(n)
			if mask := e.metaEvent(t); told.file != nil && mask != 0 {
				e.happensAt(t, &told, mask)
			}
		}
	})
}

// nothing is what else happens to an inode in most calls.
func nothing(*vfs.Inode) {}

// metaEnter handles chmod, fchmod, fchmodat and fchmodat2.
func metaEnter(e *engine, t *task) verdict {
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	return e.onInode(t, w, follow, nothing)
}

// metaTarget finds the file that a metadata call is about. The caller closes it.
func (e *engine) metaTarget(t *task) (w where, follow bool, errno unix.Errno) {
	if w, follow, errno = e.metaPath(t); errno != 0 {
		return w, follow, errno
	}
	if errno = e.may(t, &w, follow, 0); errno != 0 {
		w.close()
	}
	return w, follow, errno
}

func (e *engine) metaPath(t *task) (w where, follow bool, errno unix.Errno) {
	switch t.call.Nr {
	case unix.SYS_FCHMOD, unix.SYS_FCHOWN, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
		unix.SYS_FSETXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_FLISTXATTR:
		return where{dir: e.procFD(), path: e.fdPath(t, t.fd(0))}, true, 0
	case unix.SYS_FCHMODAT:
		w, errno = e.path(t, t.fd(0), t.arg(1), false)
		return w, true, errno
	case unix.SYS_FCHMODAT2:
		w, errno = e.path(t, t.fd(0), t.arg(1), t.arg(3)&unix.AT_EMPTY_PATH != 0)
		return w, t.arg(3)&unix.AT_SYMLINK_NOFOLLOW == 0, errno
	case unix.SYS_FCHOWNAT:
		w, errno = e.path(t, t.fd(0), t.arg(1), t.arg(4)&unix.AT_EMPTY_PATH != 0)
		return w, t.arg(4)&unix.AT_SYMLINK_NOFOLLOW == 0, errno
	case unix.SYS_LCHOWN, unix.SYS_LSETXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_LLISTXATTR:
		w, errno = e.path(t, unix.AT_FDCWD, t.arg(0), false)
		return w, false, errno
	}
	w, errno = e.path(t, unix.AT_FDCWD, t.arg(0), false)
	return w, true, errno
}

// chownEnter handles chown, fchown, lchown and fchownat. Owners are the box's
// own: the host's user could not give files away. The kernel is asked to change
// nothing, which does the rest: it copies the file up, takes setuid and setgid
// bits away, and fails where chown would.
func chownEnter(e *engine, t *task) verdict {
	uidArg := 1
	if t.call.Nr == unix.SYS_FCHOWNAT {
		uidArg = 2
	}
	const keep = math.MaxUint32
	uid, gid := uint32(t.arg(uidArg)), uint32(t.arg(uidArg+1))
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	if e.cfg.Users {
		return e.onInode(t, w, follow, nothing)
	}
	var st unix.Stat_t
	if e.stat(w, follow, &st) == 0 && st.Dev != e.proc {
		n := e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
		if e.cfg.UID != 0 && (uid != keep || gid != keep) {
			mine := n.Owner.UID == uint32(e.cfg.UID)
			if !mine || uid != keep && uid != n.Owner.UID || gid != keep && gid != uint32(e.cfg.GID) && gid != n.Owner.GID {
				return e.chownDenied(t, uidArg)
			}
		}
	}
	e.setArg(t, uidArg, math.MaxUint64)
	e.setArg(t, uidArg+1, math.MaxUint64)
	return e.onInode(t, w, follow, func(n *vfs.Inode) {
		if uid != keep {
			n.Owner.UID = uid
		}
		if gid != keep {
			n.Owner.GID = gid
		}
	})
}

// chownDenied has a chown fail with EPERM, if the kernel finds nothing else
// wrong with it: an id that is not in the guest's user namespace is the last
// thing that it looks at before it does anything.
func (e *engine) chownDenied(t *task, uidArg int) verdict {
	const known = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	if t.call.Nr == unix.SYS_FCHOWNAT && t.arg(4)&math.MaxUint32&^known != 0 {
		return fail(unix.EINVAL)
	}
	e.setArg(t, uidArg, uint64(e.cfg.UID+1))
	return runThen(func(ret int64) {
		if ret == -int64(unix.EINVAL) || ret == -int64(unix.EROFS) || ret == 0 {
			e.tr.SetResult(t.pid, -int64(unix.EPERM))
		}
	})
}

// truncateEnter handles truncate and ftruncate, and what fallocateEnter leaves.
func truncateEnter(e *engine, t *task) verdict {
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	return e.onInode(t, w, follow, func(n *vfs.Inode) {
		if t.call.Nr != unix.SYS_FALLOCATE {
			t.reopens(n) // another content: an overwrite, whoever wrote before
		}
		e.wrote(t, n)
	})
}
