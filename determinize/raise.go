package determinize

import (
	"bufio"
	"bytes"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// What happens to files, as those are told who watch them: inotify(7). The kernel tells it
// where it does it (fsnotify); here it follows from the calls, in boxes in which files are
// watched. What is done without a call, as by a mapping, is not told natively either.

// watchesFiles tells whether anybody watches a file.
func (e *engine) watchesFiles() bool { return len(e.watchedFiles) > 0 }

// happens tells those who watch a file of an event. orphan says that it is about something
// in a directory that has no name in it any more.
func (e *engine) happens(t *task, n *vfs.Inode, ev fileEvent, orphan bool) {
	for _, w := range slices.Clone(e.watchedFiles[n]) {
		if w.mask&ev.mask&unix.IN_ALL_EVENTS == 0 || orphan && w.mask&unix.IN_EXCL_UNLINK != 0 {
			continue
		}
		ev.wd = w.wd
		if w.in.put(e, t, ev); w.mask&unix.IN_ONESHOT != 0 {
			e.ignore(t, w)
		}
	}
}

// fileAt is a file with the place by which it is used.
type fileAt struct {
	file   *vfs.Inode
	isDir  bool
	dir    *vfs.Inode // nil: it has none
	base   string
	orphan bool // it has no name there any more
}

// fileAt finds out where a file is of which the kernel tells a path.
func (e *engine) fileAt(n *vfs.Inode, st *unix.Stat_t, path string) fileAt {
	f := fileAt{file: n, isDir: isDir(st), orphan: st.Nlink == 0 || n.Gone()}
	if dir, ok := nameless(path + deletedMark); ok && !names(path, st) {
		path = strings.TrimSuffix(dir, "/") + "/#" + strconv.FormatUint(n.Ino, 10)
	}
	place := e.entryNamed(path)
	f.dir, f.base = place.dir, place.base
	return f
}

// isWatched tells whether anybody watches a file or its directory.
func (e *engine) isWatched(f *fileAt) bool {
	return len(e.watchedFiles[f.file]) > 0 || f.dir != nil && len(e.watchedFiles[f.dir]) > 0
}

// happensAt tells of an event of a file both who watches its directory and who watches it.
func (e *engine) happensAt(t *task, f *fileAt, mask uint32) {
	if f.isDir {
		mask |= unix.IN_ISDIR
	}
	if f.dir != nil {
		e.happens(t, f.dir, fileEvent{mask: mask, name: f.base}, f.orphan)
	}
	e.happens(t, f.file, fileEvent{mask: mask}, false)
}

// fileOf is the file that a descriptor leads to, if it is one, that can be watched, and is
// more than a path.
func (e *engine) fileOf(t *task, fd int32) (f fileAt, st unix.Stat_t, ok bool) {
	k, errno := e.kindOf(t, fd, &st)
	if errno != 0 || k != kindFile && k != kindDir || st.Dev == e.proc || e.substituted(&st) {
		return f, st, false
	}
	path, errno := e.pathOf(e.fdPath(t, fd))
	if errno != 0 {
		return f, st, false
	}
	if fl, errno := e.flags(t, fd); errno != 0 || fl&unix.O_PATH != 0 {
		return f, st, false
	}
	return e.fileAt(e.inode(&st, func() (string, unix.Errno) { return path, 0 }), &st, path), st, true
}

// happensTo tells of an event of what a descriptor leads to.
func (e *engine) happensTo(t *task, fd int32, mask uint32) {
	if !e.watchesFiles() {
		return
	}
	if f, _, ok := e.fileOf(t, fd); ok {
		e.happensAt(t, &f, mask)
	}
}

// moves tells of an event of what a descriptor leads to when a call has moved bytes.
func (e *engine) moves(t *task, v verdict, fd int32, mask uint32) verdict {
	if !e.watchesFiles() {
		return v
	}
	return afterwards(v, func(ret int64) {
		if ret > 0 {
			e.happensTo(t, fd, mask)
		}
	})
}

// afterwards has f called too when the kernel has returned.
func afterwards(v verdict, f func(ret int64)) verdict {
	switch v.do {
	case doRun:
		return runThen(f)
	case doRunThen:
		first := v.exit
		v.exit = func(ret int64) {
			first(ret)
			f(ret)
		}
	case doAnswer:
		f(v.ret)
	}
	return v
}

// metaEvent is the event of a call that changes a file's metadata or size; fsnotify_change
// in include/linux/fsnotify.h.
func (e *engine) metaEvent(t *task) uint32 {
	const keep = uint32(0xffffffff)
	switch t.call.Nr {
	case unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE:
		return unix.IN_MODIFY
	case unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_FCHOWN:
		if uint32(t.arg(1)) == keep && uint32(t.arg(2)) == keep {
			return 0
		}
	case unix.SYS_FCHOWNAT:
		if uint32(t.arg(2)) == keep && uint32(t.arg(3)) == keep {
			return 0
		}
	case unix.SYS_UTIMENSAT:
		const omit = 1<<30 - 2 // UTIME_OMIT
		var ts [2]unix.Timespec
		if t.arg(2) == 0 || e.tr.ReadFull(t.pid, t.arg(2), bytesOf(&ts)) != 0 {
			break
		}
		switch atime, mtime := ts[0].Nsec != omit, ts[1].Nsec != omit; {
		case atime && !mtime:
			return unix.IN_ACCESS
		case mtime && !atime:
			return unix.IN_MODIFY
		case !mtime:
			return 0
		}
	}
	return unix.IN_ATTRIB
}

// appears tells of a new name.
func (e *engine) appears(t *task, n *entry, isDir bool) {
	if n.dir != nil {
		e.happens(t, n.dir, fileEvent{mask: unix.IN_CREATE | dirBit(isDir), name: n.base}, false)
	}
}

func dirBit(isDir bool) uint32 {
	if isDir {
		return unix.IN_ISDIR
	}
	return 0
}

// vanishes tells of a name that was taken away from a file.
func (e *engine) vanishes(t *task, n *entry, was *vfs.Inode) {
	if !e.watchesFiles() || was == nil {
		return
	}
	if !isDir(&n.st) {
		e.happens(t, was, fileEvent{mask: unix.IN_ATTRIB}, false)
	}
	e.goes(t, was, vfs.KeyOf(&n.st), func(*task, int) bool { return false })
	e.happens(t, n.dir, fileEvent{mask: unix.IN_DELETE | dirBit(isDir(&n.st)), name: n.base}, false)
}

// goes tells of a file's end, if it has no name any more and nobody has it open but by
// descriptors that closed accepts.
func (e *engine) goes(t *task, n *vfs.Inode, k vfs.Key, closed func(u *task, fd int) bool) {
	if !n.Gone() || len(e.watchedFiles[n]) == 0 {
		return
	}
	open := false
	e.eachOpen(t, func(u *task, fd int, st *unix.Stat_t) {
		open = open || vfs.KeyOf(st) == k && !closed(u, fd)
	})
	if open {
		return
	}
	e.happens(t, n, fileEvent{mask: unix.IN_DELETE_SELF}, false)
	for _, w := range slices.Clone(e.watchedFiles[n]) {
		e.ignore(t, w)
	}
}

// movesTo tells of a file that was moved from one name to another, where another one was, or
// nothing.
func (e *engine) movesTo(t *task, from, to *entry, was, other *vfs.Inode) {
	if !e.watchesFiles() {
		return
	}
	e.moveCookie++
	dir := dirBit(isDir(&from.st))
	e.happens(t, from.dir, fileEvent{mask: unix.IN_MOVED_FROM | dir, cookie: e.moveCookie, name: from.base}, false)
	e.happens(t, to.dir, fileEvent{mask: unix.IN_MOVED_TO | dir, cookie: e.moveCookie, name: to.base}, false)
	if other != nil {
		e.happens(t, other, fileEvent{mask: unix.IN_ATTRIB | dirBit(isDir(&to.st))}, false)
	}
	e.happens(t, was, fileEvent{mask: unix.IN_MOVE_SELF}, false)
	if other != nil {
		e.goes(t, other, vfs.KeyOf(&to.st), func(*task, int) bool { return false })
	}
}

// eachOpen visits the descriptors of all processes, and of a task's that may be about to end.
func (e *engine) eachOpen(t *task, visit func(u *task, fd int, st *unix.Stat_t)) {
	for _, u := range e.live {
		if u == u.leader && (u.process == t.process || !u.ended()) {
			e.eachFD(u, func(fd int, st *unix.Stat_t) { visit(u, fd, st) })
		}
	}
}

// closing is a description that is about to be closed.
type closing struct {
	file fileAt
	key  vfs.Key
	mask uint32
	fd   int
}

// closings are the descriptions whose last descriptors are among those of a task that closes
// accepts, and whose files are watched: the last one first, as the kernel comes to them
// (task_work).
func (e *engine) closings(t *task, closes func(fd int) bool) (all []closing) {
	if !e.watchesFiles() {
		return nil
	}
	e.eachFD(t, func(fd int, st *unix.Stat_t) {
		if !closes(fd) || st.Mode&unix.S_IFMT != unix.S_IFREG && !isDir(st) {
			return
		}
		f, _, ok := e.fileOf(t, int32(fd))
		if !ok || !e.isWatched(&f) {
			return
		}
		c := closing{file: f, key: vfs.KeyOf(st), mask: unix.IN_CLOSE_NOWRITE, fd: fd}
		if fl, _ := e.flags(t, int32(fd)); fl&unix.O_ACCMODE != unix.O_RDONLY {
			c.mask = unix.IN_CLOSE_WRITE
		}
		all = append(all, c)
	})
	slices.SortFunc(all, func(a, b closing) int { return b.fd - a.fd })
	return slices.DeleteFunc(all, func(c closing) bool {
		shared := false
		e.eachOpen(t, func(u *task, fd int, st *unix.Stat_t) {
			if shared || vfs.KeyOf(st) != c.key || u.process == t.process && fd <= c.fd && closes(fd) {
				return
			}
			shared = e.oneDescription(t, c.fd, u, fd)
		})
		return shared
	})
}

// oneDescription tells whether two descriptors lead to one open file description: what is
// set in one shows in the other.
func (e *engine) oneDescription(t *task, fd int, u *task, other int) bool {
	a, errno := e.borrow(t, int32(fd))
	if errno != 0 {
		return false
	}
	defer unix.Close(a)
	b, errno := e.borrow(u, int32(other))
	if errno != 0 {
		return false
	}
	defer unix.Close(b)
	was, err := unix.FcntlInt(uintptr(a), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	before, _ := unix.FcntlInt(uintptr(b), unix.F_GETFL, 0)
	unix.FcntlInt(uintptr(a), unix.F_SETFL, was^unix.O_NONBLOCK)
	after, _ := unix.FcntlInt(uintptr(b), unix.F_GETFL, 0)
	unix.FcntlInt(uintptr(a), unix.F_SETFL, was)
	return before != after
}

// closesFiles tells that a task closes those of its descriptors that closes accepts.
func (e *engine) closesFiles(t *task, closes func(fd int) bool) {
	e.areClosed(t, e.closings(t, closes), closes)
}

// areClosed tells of descriptions that are closed.
func (e *engine) areClosed(t *task, all []closing, closes func(fd int) bool) {
	for i := range all {
		c := &all[i]
		e.happensAt(t, &c.file, c.mask)
		e.goes(t, c.file.file, c.key, func(u *task, fd int) bool { return u.process == t.process && fd <= c.fd && closes(fd) })
	}
}

// closesOnExec tells whether one of a task's descriptors is closed when it starts a program.
func (e *engine) closesOnExec(t *task, fd int) bool {
	var b []byte
	var errno unix.Errno
	e.onFDs(t, func() { b, errno = e.readProc(strconv.Itoa(t.leader.pid) + "/fdinfo/" + strconv.Itoa(fd)) })
	if errno != 0 {
		return false
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if digits, ok := strings.CutPrefix(s.Text(), "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(digits), 8, 64)
			return err == nil && flags&unix.O_CLOEXEC != 0
		}
	}
	return false
}
