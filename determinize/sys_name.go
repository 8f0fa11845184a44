package determinize

import (
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// entry is the place of a name that a call makes, removes or replaces.
type entry struct {
	w       where
	dirW    where
	dir     unix.Stat_t
	base    string
	ok      bool // the directory is there
	st      unix.Stat_t
	exists  bool
	dirPath string
}

// entryAt reads a path argument and looks at what is there. The caller closes w.
func (e *engine) entryAt(t *task, dirfd int32, addr uint64) (entry, unix.Errno) {
	w, errno := e.path(t, dirfd, addr, false)
	if errno != 0 {
		return entry{}, errno
	}
	n := entry{w: w}
	var derr unix.Errno
	n.dirW, n.base, n.dir, derr = e.parent(w)
	n.ok = derr == 0
	n.exists = e.stat(w, false, &n.st) == 0
	if n.ok {
		n.dirPath, _ = e.canonical(n.dirW, true)
	}
	return n, 0
}

// path is the canonical path of the entry.
func (n *entry) path() string { return strings.TrimSuffix(n.dirPath, "/") + "/" + n.base }

// inProc tells whether the name is in /proc, where nothing can be made.
func (e *engine) inProc(n *entry) bool { return n.ok && n.dir.Dev == e.proc }

// changed stamps the directory of an entry.
func (e *engine) changed(t *task, n *entry) { e.touchDir(t, &n.dir, n.dirPath) }

// makeEnter handles mkdir, mkdirat, mknod, mknodat, symlink and symlinkat.
func makeEnter(e *engine, t *task) verdict {
	dirfd, path := int32(unix.AT_FDCWD), t.arg(0)
	mode := t.arg(1)
	switch t.call.Nr {
	case unix.SYS_MKDIRAT:
		dirfd, path = t.fd(0), t.arg(1)
	case unix.SYS_MKNODAT:
		dirfd, path, mode = t.fd(0), t.arg(1), t.arg(2)
	case unix.SYS_SYMLINK:
		path = t.arg(1)
	case unix.SYS_SYMLINKAT:
		dirfd, path = t.fd(1), t.arg(2)
	}
	switch t.call.Nr {
	case unix.SYS_MKNOD, unix.SYS_MKNODAT:
		switch mode & unix.S_IFMT {
		case 0, unix.S_IFREG, unix.S_IFIFO:
		case unix.S_IFSOCK:
			e.refuse(callName(t) + "(socket)")
			return fail(unix.EPERM)
		default:
			return fail(unix.EPERM)
		}
	}
	n, errno := e.entryAt(t, dirfd, path)
	if errno != 0 {
		return fail(errno)
	}
	n.w.close()
	return runThen(func(ret int64) {
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		var st unix.Stat_t
		if n.ok && unix.Fstatat(unix.AT_FDCWD, n.path(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			e.madeAt(t, &st, n.path(), false)
		}
	})
}

// unlinkEnter handles unlink, unlinkat and rmdir.
func unlinkEnter(e *engine, t *task) verdict {
	dirfd, path := int32(unix.AT_FDCWD), t.arg(0)
	if t.call.Nr == unix.SYS_UNLINKAT {
		dirfd, path = t.fd(0), t.arg(1)
	}
	n, errno := e.entryAt(t, dirfd, path)
	if errno != 0 {
		return fail(errno)
	}
	n.w.close()
	return runThen(func(ret int64) {
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		e.removed(t, &n)
	})
}

// removed notes that a name is gone.
func (e *engine) removed(t *task, n *entry) {
	if !n.ok {
		return
	}
	e.fs.Gone(vfs.KeyOf(&n.dir), n.base)
	e.changed(t, n)
}

// renameEnter handles rename, renameat and renameat2.
func renameEnter(e *engine, t *task) verdict {
	fromFD, from, toFD, to, flags := int32(unix.AT_FDCWD), t.arg(0), int32(unix.AT_FDCWD), t.arg(1), uint64(0)
	if t.call.Nr != unix.SYS_RENAME {
		fromFD, from, toFD, to = t.fd(0), t.arg(1), t.fd(2), t.arg(3)
		if t.call.Nr == unix.SYS_RENAMEAT2 {
			flags = t.arg(4)
		}
	}
	if flags&unix.RENAME_WHITEOUT != 0 {
		e.refuse("renameat2(RENAME_WHITEOUT)")
		return fail(unix.EINVAL)
	}
	a, errno := e.entryAt(t, fromFD, from)
	if errno != 0 {
		return fail(errno)
	}
	defer a.w.close()
	b, errno := e.entryAt(t, toFD, to)
	if errno != 0 {
		return fail(errno)
	}
	defer b.w.close()
	ka := e.known(&a)
	kb := e.known(&b)
	return runThen(func(ret int64) {
		if ret == -int64(unix.EXDEV) && a.exists && a.st.Mode&unix.S_IFMT == unix.S_IFDIR && a.st.Dev == b.dir.Dev {
			// The overlay cannot rename a directory that was there before.
			ret = e.moveDir(&a, &b, flags)
			e.tr.SetResult(t.pid, ret)
		}
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		e.removed(t, &a)
		if b.exists {
			t.clk.Overwrite()
		} else if e.fs.Existed(vfs.KeyOf(&b.dir), b.base) {
			t.clk.Overwrite()
		}
		if b.ok {
			e.changed(t, &b)
		}
		e.rekey(&b, ka)
		if flags&unix.RENAME_EXCHANGE != 0 {
			e.rekey(&a, kb)
		}
	})
}

// known makes what is there known to the table, under its present path: its
// number must not change with its name.
func (e *engine) known(n *entry) vfs.Key {
	if !n.exists || !n.ok {
		return vfs.Key{}
	}
	e.inode(&n.st, func() (string, unix.Errno) { return n.path(), 0 })
	return vfs.KeyOf(&n.st)
}

// rekey follows an inode whose number in the kernel changed when it was
// copied up.
func (e *engine) rekey(n *entry, old vfs.Key) {
	var st unix.Stat_t
	if old == (vfs.Key{}) || !n.ok || unix.Fstatat(unix.AT_FDCWD, n.path(), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	if k := vfs.KeyOf(&st); k != old && e.fs.Known(k) == nil {
		e.fs.Move(old, k)
	}
}

// linkEnter handles link and linkat.
func linkEnter(e *engine, t *task) verdict {
	fromFD, from, toFD, to, flags := int32(unix.AT_FDCWD), t.arg(0), int32(unix.AT_FDCWD), t.arg(1), uint64(0)
	if t.call.Nr == unix.SYS_LINKAT {
		fromFD, from, toFD, to, flags = t.fd(0), t.arg(1), t.fd(2), t.arg(3), t.arg(4)
	}
	if flags&unix.AT_EMPTY_PATH != 0 {
		b, errno := e.entryAt(t, toFD, to)
		if errno != 0 {
			return fail(errno)
		}
		b.w.close()
		return runThen(func(ret int64) { e.linked(t, &b, vfs.Key{}, ret) })
	}
	a, errno := e.entryAt(t, fromFD, from)
	if errno != 0 {
		return fail(errno)
	}
	defer a.w.close()
	b, errno := e.entryAt(t, toFD, to)
	if errno != 0 {
		return fail(errno)
	}
	defer b.w.close()
	if a.exists {
		e.unite(t, a.w, &a.st)
		a.exists = e.stat(a.w, false, &a.st) == 0
	}
	ka := vfs.Key{}
	if flags&unix.AT_SYMLINK_FOLLOW == 0 {
		ka = e.known(&a)
	}
	return runThen(func(ret int64) { e.linked(t, &b, ka, ret) })
}

func (e *engine) linked(t *task, b *entry, from vfs.Key, ret int64) {
	if ret != 0 {
		e.denied(t, ret)
		e.exhausted(t, ret)
		return
	}
	if b.ok {
		if e.fs.Existed(vfs.KeyOf(&b.dir), b.base) {
			t.clk.Overwrite()
		}
		e.changed(t, b)
	}
	e.rekey(b, from)
}
