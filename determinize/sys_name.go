package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// entry is the place of a name that a call makes, removes or replaces, as it
// was before the call.
type entry struct {
	fd     int         // the directory, or -1: the call is going to fail
	dir    *vfs.Inode  // the same
	mode   uint32      // its mode
	parent string      // its canonical path
	base   string      // the name
	exists bool        // there is something
	st     unix.Stat_t // that
}

// path is the canonical path of the entry.
func (n *entry) path() string { return strings.TrimSuffix(n.parent, "/") + "/" + n.base }

// now is what is at the entry now, as the kernel tells. ok is false when
// nothing is.
func (n *entry) now() (st unix.Stat_t, ok bool) {
	ok = n.fd >= 0 && unix.Fstatat(n.fd, n.base, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) == nil
	return st, ok
}

// entryAt reads a path argument and looks at what is there. The task holds the
// entry until release.
func (e *engine) entryAt(t *task, dirfd int32, addr uint64) (*entry, unix.Errno) {
	w, errno := e.path(t, dirfd, addr, false)
	if errno != 0 {
		return nil, errno
	}
	defer w.close()
	if errno := e.mayReach(w); errno != 0 {
		return nil, errno
	}
	return e.entryOf(t, w), 0
}

// nameAt is entryAt; ENOENT for what is in /proc and not the guest's to see. Of a
// rename, where the kernel compares mounts first, that is not to be seen.
func (e *engine) nameAt(t *task, dirfd int32, addr uint64) (*entry, unix.Errno) {
	n, errno := e.entryAt(t, dirfd, addr)
	if errno != 0 || n.fd >= 0 {
		return n, errno
	}
	w, errno := e.path(t, dirfd, addr, false)
	if errno != 0 {
		return nil, errno
	}
	defer func() { w.close() }()
	dir, _ := split(w.path)
	var st unix.Stat_t
	above := where{dir: w.dir, path: dir, raw: dir}
	if e.stat(above, true, &st) == 0 && st.Dev == e.proc && e.strange(above, true) || e.hidden(t, &w, false) {
		return nil, unix.ENOENT
	}
	return n, 0
}

// entryOf looks at the place that a path leads to, not following a final
// symbolic link.
func (e *engine) entryOf(t *task, w where) *entry {
	n := &entry{fd: -1}
	dir, base := split(w.path)
	if base == "" || base == "." || base == ".." {
		return n // no name: it can be neither made nor removed nor replaced
	}
	if dir == "" {
		dir = "."
	}
	fd, err := unix.Openat(w.dir, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return n
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev == e.proc {
		unix.Close(fd)
		return n
	}
	t.held = append(t.held, fd)
	n.fd, n.base, n.mode = fd, base, st.Mode
	n.parent = e.dirPath(fd)
	n.dir = e.inode(&st, func() (string, unix.Errno) { return n.parent, 0 })
	n.st, n.exists = n.now()
	return n
}

// entryNamed is the entry of something that is there and whose canonical path
// is known.
func (e *engine) entryNamed(path string) *entry {
	dir, base := split(path)
	var st unix.Stat_t
	if !strings.HasPrefix(path, "/") || unix.Fstatat(unix.AT_FDCWD, dir, &st, unix.AT_NO_AUTOMOUNT) != nil {
		return &entry{fd: -1}
	}
	if dir != "/" {
		dir = strings.TrimSuffix(dir, "/")
	}
	n := &entry{fd: -1, mode: st.Mode, parent: dir, base: base}
	n.dir = e.inode(&st, func() (string, unix.Errno) { return dir, 0 })
	return n
}

// release closes what a call has held.
func (t *task) release() {
	for _, fd := range t.held {
		unix.Close(fd)
	}
	t.held = t.held[:0]
}

// dirPath is the path in the box of a directory, however long.
func (e *engine) dirPath(fd int) string {
	p, errno := e.pathOf("self/fd/" + strconv.Itoa(fd))
	if errno == 0 {
		return p
	}
	// Longer than the kernel tells: as getcwd(3) does, look for the directory
	// in the one above it.
	var st unix.Stat_t
	up, err := unix.Openat(fd, "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "/?"
	}
	defer unix.Close(up)
	if unix.Fstat(fd, &st) != nil {
		return "/?"
	}
	base := "?"
	e.anyEntry(up, func(name string) bool {
		var at unix.Stat_t
		if name == "." || name == ".." || unix.Fstatat(up, name, &at, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil ||
			vfs.KeyOf(&at) != vfs.KeyOf(&st) {
			return false
		}
		base = name
		return true
	})
	return strings.TrimSuffix(e.dirPath(up), "/") + "/" + base
}

// named lets a call that changes names through, and calls f when it succeeded.
func (e *engine) named(t *task, f func()) verdict {
	return runThen(func(ret int64) {
		defer t.release()
		t.lost()
		if ret != 0 {
			e.denied(t, ret)
			e.exhausted(t, ret)
			return
		}
		f()
	})
}

// changed stamps the directory of an entry, in which a name appeared or
// vanished.
func (e *engine) changed(t *task, n *entry) {
	if n.dir == nil {
		return
	}
	e.touchDir(t, n.dir)
	e.stampsDir(t, n.dir)
	e.changesName(t, n)
	if !n.dir.Bound() {
		e.fs.Bind(n.parent, n.dir)
	}
}

// appeared notes that a name came to be where none was.
func (e *engine) appeared(t *task, n *entry) {
	if n.dir == nil {
		return
	}
	if _, before := e.fs.Existed(n.dir, n.base); before {
		t.clk.Overwrite()
	}
	e.changed(t, n)
}

// made registers what a call has made at an entry.
func (e *engine) made(t *task, n *entry, st *unix.Stat_t) {
	e.appeared(t, n)
	delete(e.socketFiles, vfs.KeyOf(st)) // what had the number is gone
	owner := e.ownerIn(n.dir, n.mode)
	var made *vfs.Inode
	if isDir(st) {
		made = e.fs.CreatedDir(vfs.KeyOf(st), n.path(), owner)
		e.fs.Bind(n.path(), made)
	} else {
		made = e.fs.Created(vfs.KeyOf(st), n.path(), t.id(), t.nth(), owner)
		if t.exec.whole != nil && t.exec.whole.owner == t.process && t == t.leader {
			made.Nth = t.made
		}
	}
	t.writes(made)
	made.Wrote(&t.clk)
	e.begins(t, n, made)
	e.appears(t, n, isDir(st))
}

// madeNameless registers a file without a name, whose path says no more than
// in which directory it might get one.
func (e *engine) madeNameless(t *task, st *unix.Stat_t, path string) {
	n := e.entryNamed(path)
	made := e.fs.Created(vfs.KeyOf(st), path, t.id(), t.nth(), e.ownerIn(n.dir, n.mode))
	t.writes(made)
	made.Wrote(&t.clk)
}

// ownerIn is who owns what the guest makes in a directory of this mode, which
// may be nil.
func (e *engine) ownerIn(dir *vfs.Inode, mode uint32) vfs.Owner {
	o := vfs.Owner{UID: uint32(e.cfg.UID), GID: uint32(e.cfg.GID)}
	if dir != nil && mode&unix.S_ISGID != 0 {
		o.GID = dir.Owner.GID
	}
	return o
}

// makeEnter handles mkdir, mkdirat, mknod, mknodat, symlink and symlinkat.
func makeEnter(e *engine, t *task) verdict {
	dirfd, path, mode := int32(unix.AT_FDCWD), t.arg(0), t.arg(1)
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
		case unix.S_IFCHR, unix.S_IFBLK:
			// A character device 0:0, which anybody may make, would hide
			// what lies below it in the overlay.
			return fail(unix.EPERM)
		}
	}
	n, errno := e.nameAt(t, dirfd, path)
	if errno != 0 {
		return fail(errno)
	}
	return e.named(t, func() {
		if st, ok := n.now(); ok {
			e.made(t, n, &st)
		}
	})
}

// removes notes that a name was taken away from a file, of which st was known before. Nothing can be
// made in a directory that is removed.
func (e *engine) removes(t *task, n *vfs.Inode, st *unix.Stat_t) {
	if isDir(st) {
		e.onFile(t, n, conflict.Metadata, conflict.Change)
	}
	n.Unlinked(st)
}

// loses notes that a call of the task takes away a name of a file, which may be nil, until lost.
func (t *task) loses(n *vfs.Inode, st *unix.Stat_t) {
	if n != nil && st.Nlink == 1 && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		n.Going = true
		t.going = n
	}
}

// lost notes that the call has come to its end.
func (t *task) lost() {
	if t.going != nil {
		t.going.Going = false
		t.going = nil
	}
}

// unlinkEnter handles unlink, unlinkat and rmdir.
func unlinkEnter(e *engine, t *task) verdict {
	dirfd, path := int32(unix.AT_FDCWD), t.arg(0)
	if t.call.Nr == unix.SYS_UNLINKAT {
		dirfd, path = t.fd(0), t.arg(1)
	}
	n, errno := e.nameAt(t, dirfd, path)
	if errno != 0 {
		return fail(errno)
	}
	was := e.at(n)
	e.listsFor(t, n)
	e.settles(t, n, was)
	t.loses(was, &n.st)
	if was != nil && n.st.Nlink == 1 {
		e.keepContent(was)
	}
	return e.named(t, func() {
		if was != nil {
			e.onFile(t, was, conflict.Status, conflict.Add)
			e.notAt(was, accessed{in: e.folders[n.dir], base: n.base})
			e.removes(t, was, &n.st)
			e.fs.Removed(n.dir, n.base, n.path(), was)
		}
		e.changed(t, n)
		e.leaves(t, n, nil)
		e.vanishes(t, n, was)
	})
}

// at makes what is at an entry known, by its present path, which is its number
// where it was there before. nil: nothing is.
func (e *engine) at(n *entry) *vfs.Inode {
	if !n.exists {
		return nil
	}
	return e.inode(&n.st, func() (string, unix.Errno) { return n.path(), 0 })
}

// renameEnter handles rename, renameat and renameat2.
func renameEnter(e *engine, t *task) verdict {
	fromFD, from, toFD, to, flags := int32(unix.AT_FDCWD), t.arg(0), int32(unix.AT_FDCWD), t.arg(1), uint64(0)
	if t.call.Nr != unix.SYS_RENAME {
		fromFD, from, toFD, to = t.fd(0), t.arg(1), t.fd(2), t.arg(3)
		if t.call.Nr == unix.SYS_RENAMEAT2 {
			flags = uint64(uint32(t.arg(4)))
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
	b, errno := e.entryAt(t, toFD, to)
	if errno != 0 {
		t.release()
		return fail(errno)
	}
	if a.fd < 0 || b.fd < 0 || !a.exists {
		return e.named(t, func() {}) // fails
	}
	e.uniteEntry(t, a)
	if b.exists && flags&unix.RENAME_EXCHANGE != 0 {
		e.uniteEntry(t, b)
	}
	b.st, b.exists = b.now() // it may have been another name of a
	was, other := e.at(a), e.at(b)
	e.listsFor(t, b)
	e.settles(t, a, was)
	e.settles(t, b, other)
	if other != nil && b.st.Nlink == 1 {
		e.keepContent(other)
	}
	if was != other && flags&unix.RENAME_EXCHANGE == 0 {
		t.loses(other, &b.st)
	}
	done := func(ret int64) {
		defer t.release()
		t.lost()
		switch {
		case ret != 0:
			e.denied(t, ret)
			e.exhausted(t, ret)
		case was == other:
			// Two names of one file: nothing happens.
		case flags&unix.RENAME_EXCHANGE != 0:
			t.clk.Overwrite()
			e.wasMoved(t, a, was)
			e.wasMoved(t, b, other)
			e.fs.Exchanged(a.path(), b.path())
			e.arrived(t, a, other, true)
			e.arrived(t, b, was, true)
			e.movesTo(t, a, b, was, nil)
			e.movesTo(t, b, a, other, nil)
		default:
			e.renamed(t, a, b, was, other)
		}
	}
	return runThen(func(ret int64) {
		if ret != -int64(unix.EXDEV) || a.st.Dev != b.dev() || !e.fs.InProject(a.path()) || !e.fs.InProject(b.path()) ||
			!isDir(&a.st) && !(b.exists && isDir(&b.st)) {
			done(ret)
			return
		}
		e.whenAlone(t, func() {
			ret := e.renameDir(t, a, b, flags)
			e.tr.SetResult(t.pid, ret)
			done(ret)
		})
	})
}

// uniteEntry prepares what is at an entry for being renamed, which copies it
// up. Directories are not copied.
func (e *engine) uniteEntry(t *task, n *entry) {
	if !isDir(&n.st) && e.fs.InProject(n.path()) {
		e.prepare(t, &n.st, n.path(), true)
		n.st, n.exists = n.now()
	}
}

// dev is the device of the directory of an entry.
func (n *entry) dev() uint64 {
	var st unix.Stat_t
	unix.Fstat(n.fd, &st)
	return st.Dev
}

// renamed notes that was was renamed from a to b, where other was, or nothing
// when that is nil.
func (e *engine) renamed(t *task, a, b *entry, was, other *vfs.Inode) {
	last, before := e.fs.Existed(b.dir, b.base)
	replaced := other != nil || before && last != was && last.Gone()
	if other != nil || before {
		t.clk.Overwrite()
	}
	if other != nil {
		e.onFile(t, other, conflict.Status, conflict.Add)
		e.notAt(other, accessed{in: e.folders[b.dir], base: b.base})
		e.removes(t, other, &b.st)
	}
	e.wasMoved(t, a, was)
	e.fs.Renamed(a.path(), b.path())
	e.fs.Removed(a.dir, a.base, a.path(), was)
	e.changed(t, a)
	e.leaves(t, a, nil)
	e.arrived(t, b, was, replaced)
	e.movesTo(t, a, b, was, other)
}

// arrived notes that an inode came to an entry by a rename.
func (e *engine) arrived(t *task, n *entry, what *vfs.Inode, replaced bool) {
	e.changed(t, n)
	if into := e.folders[n.dir]; into != nil {
		if d := e.folders[what]; d != nil {
			d.up, d.base = into, n.base
			d.lookAgain()
		} else {
			e.places[what] = accessed{in: into, base: n.base}
		}
	}
	e.leaves(t, n, what)
	if replaced {
		what.Replaced(&t.clk)
	}
	st, ok := n.now()
	if !ok {
		return
	}
	// Copied up, it may have another number.
	e.fs.Alias(vfs.KeyOf(&st), what)
	if !what.Made || isDir(&st) {
		e.fs.Bind(n.path(), what)
	}
}
