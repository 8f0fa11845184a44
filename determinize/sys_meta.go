package determinize

import (
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
		dirfd, path, addr, flags = t.fd(0), t.arg(1), t.arg(2), t.arg(3)
	case unix.SYS_FUTIMESAT:
		dirfd, path, addr = t.fd(0), t.arg(1), t.arg(2)
	}
	want, errno := e.readTimes(t, addr)
	if errno != 0 {
		return fail(errno)
	}
	w := where{dir: e.procFD(), path: fdPath(t, dirfd)}
	if path != 0 {
		if w, errno = e.path(t, dirfd, path, flags&unix.AT_EMPTY_PATH != 0); errno != 0 {
			return fail(errno)
		}
		defer w.close()
	}
	return e.onInode(t, w, flags&unix.AT_SYMLINK_NOFOLLOW == 0, func(n *vfs.Inode) {
		switch {
		case want.omit:
		case want.now:
			t.clk.Overwrite()
			n.SetMtime(&t.clk, t.clk.Stamp())
			t.clk.Overwrite()
		default:
			n.SetMtime(&t.clk, want.mtime-e.epoch())
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
		return times{mtime: saturateSigned(tb[1], 0)}, 0
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
		return times{mtime: saturateSigned(ts[1].Sec, ts[1].Nsec)}, 0
	}
	var tv [2]unix.Timeval
	if e.tr.ReadFull(t.pid, addr, bytesOf(&tv)) != 0 {
		return times{}, unix.EFAULT
	}
	return times{mtime: saturateSigned(tv[1].Sec, tv[1].Usec*1000)}, 0
}

func saturateSigned(sec, nsec int64) int64 {
	const most = int64(forever / 1_000_000_000)
	return min(max(sec, -most), most)*1e9 + nsec
}

// onInode lets a call that changes a file's metadata through and calls f with
// its inode when it succeeded.
func (e *engine) onInode(t *task, w where, follow bool, f func(*vfs.Inode)) verdict {
	var st unix.Stat_t
	var n *vfs.Inode
	errno := e.stat(w, follow, &st)
	if errno == 0 && st.Dev != e.proc {
		e.unite(t, w, &st)
		n = e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	}
	old := vfs.KeyOf(&st)
	path := ""
	if n != nil {
		path, _ = e.canonical(w, follow)
	}
	return runThen(func(ret int64) {
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		if n == nil {
			return
		}
		var now unix.Stat_t
		if path != "" && unix.Fstatat(unix.AT_FDCWD, path, &now, unix.AT_SYMLINK_NOFOLLOW) == nil {
			e.fs.Move(old, vfs.KeyOf(&now))
		}
		f(n)
	})
}

// metaEnter handles chmod, fchmod, fchmodat, fchmodat2, and the calls that set
// and remove extended attributes.
func metaEnter(e *engine, t *task) verdict {
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	return e.onInode(t, w, follow, func(*vfs.Inode) {})
}

// metaTarget finds the file that a metadata call is about.
func (e *engine) metaTarget(t *task) (w where, follow bool, errno unix.Errno) {
	switch t.call.Nr {
	case unix.SYS_FCHMOD, unix.SYS_FCHOWN, unix.SYS_FSETXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE:
		return where{dir: e.procFD(), path: fdPath(t, t.fd(0))}, true, 0
	case unix.SYS_FCHMODAT:
		w, errno = e.path(t, t.fd(0), t.arg(1), false)
		return w, true, errno
	case unix.SYS_FCHMODAT2:
		w, errno = e.path(t, t.fd(0), t.arg(1), t.arg(3)&unix.AT_EMPTY_PATH != 0)
		return w, t.arg(3)&unix.AT_SYMLINK_NOFOLLOW == 0, errno
	case unix.SYS_FCHOWNAT:
		w, errno = e.path(t, t.fd(0), t.arg(1), t.arg(4)&unix.AT_EMPTY_PATH != 0)
		return w, t.arg(4)&unix.AT_SYMLINK_NOFOLLOW == 0, errno
	case unix.SYS_LCHOWN, unix.SYS_LSETXATTR, unix.SYS_LREMOVEXATTR:
		w, errno = e.path(t, unix.AT_FDCWD, t.arg(0), false)
		return w, false, errno
	}
	w, errno = e.path(t, unix.AT_FDCWD, t.arg(0), false)
	return w, true, errno
}

// chownEnter handles chown, fchown, lchown and fchownat. Owners are the box's
// own: the host's user could not give files away.
func chownEnter(e *engine, t *task) verdict {
	uid, gid := t.arg(1), t.arg(2)
	if t.call.Nr == unix.SYS_FCHOWNAT {
		uid, gid = t.arg(2), t.arg(3)
	}
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	var st unix.Stat_t
	if errno := e.stat(w, follow, &st); errno != 0 {
		return run() // fails as it would
	}
	n := e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	const keep = uint32(0xffffffff)
	u, g := uint32(uid), uint32(gid)
	mine := n.Owner.UID == uint32(e.cfg.UID)
	if e.cfg.UID != 0 && (!mine || u != keep && u != n.Owner.UID || g != keep && g != uint32(e.cfg.GID) && g != n.Owner.GID) {
		if u == keep && g == keep && mine {
			return answer(0)
		}
		return fail(unix.EPERM)
	}
	if u != keep {
		n.Owner.UID = u
	}
	if g != keep {
		n.Owner.GID = g
	}
	n.Last = t.clk.Edge
	return answer(0)
}

// truncateEnter handles truncate, ftruncate and fallocate.
func truncateEnter(e *engine, t *task) verdict {
	w, follow, errno := e.metaTarget(t)
	if errno != 0 {
		return fail(errno)
	}
	defer w.close()
	return e.onInode(t, w, follow, func(n *vfs.Inode) { e.wrote(t, n) })
}

// xattrGetEnter handles getxattr and its kin: of what the host's security
// modules attach nothing is shown.
func xattrGetEnter(e *engine, t *task) verdict {
	name, errno := e.tr.ReadString(t.pid, t.arg(1), 255)
	if errno == unix.ENAMETOOLONG {
		return fail(unix.ERANGE)
	}
	if errno != 0 {
		return fail(errno)
	}
	if !visibleXattr(name) {
		return fail(unix.ENODATA)
	}
	return run()
}

// visibleXattr tells whether an attribute belongs to the file and not to the
// host.
func visibleXattr(name string) bool {
	return len(name) > 5 && name[:5] == "user." || name == "system.posix_acl_access" || name == "system.posix_acl_default"
}

// xattrListEnter handles listxattr and its kin: sorted, and only what
// getxattr shows.
func xattrListEnter(e *engine, t *task) verdict {
	buf, size := t.arg(1), t.arg(2)
	return runThen(func(ret int64) {
		if ret <= 0 || size == 0 {
			return
		}
		b := make([]byte, min(ret, 1<<16))
		if e.tr.ReadFull(t.pid, buf, b) != 0 {
			return
		}
		b = sortXattrs(b)
		e.tr.WriteFull(t.pid, buf, b)
		e.tr.SetResult(t.pid, int64(len(b)))
	})
}
