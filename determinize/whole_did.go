package determinize

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// What a whole changes. What is left of that is looked at when it is over.

// nameChange is that an exec has changed a name.
type nameChange struct {
	by      uint64
	existed bool // it led anywhere before
	kind    byte // to what, as directories tell it: DT_*
}

// wholeNames notes that a task's exec has changed an entry of a directory, which is a name of a
// folder.
func (e *engine) wholeNames(t *task, at *entry, d *folder, nm *name) {
	w := t.whole()
	if w == nil {
		return
	}
	c := nameChange{by: t.exec.id, existed: at.exists}
	if at.exists {
		c.kind = byte(at.st.Mode & unix.S_IFMT >> 12)
	}
	if len(nm.past) == 0 {
		d.changed = append(d.changed, at.base)
	}
	nm.by = t.exec.id
	nm.past = append(nm.past, c)
	w.changes(nm, place{d, at.base})
}

// firstChange is the first change of a name by a whole; nil if there is none.
func (e *engine) firstChange(w *whole, nm *name) *nameChange {
	if nm == nil {
		return nil
	}
	for i := range nm.past {
		if c := &nm.past[i]; e.isWithin(c.by, w) {
			return c
		}
	}
	return nil
}

func (w *whole) changes(nm *name, at place) {
	if w.names == nil {
		w.names = make(map[*name]place)
	}
	w.names[nm] = at
}

// wholeTouches notes that a task's exec changes a file's content, or its metadata.
func (e *engine) wholeTouches(t *task, n *vfs.Inode, how touched) {
	if w := t.whole(); w != nil && t.sinking != n {
		how.mtime = n.Mtime
		w.touch(n, how)
	}
}

func (w *whole) touch(n *vfs.Inode, how touched) {
	if w.nodes == nil {
		w.nodes = make(map[*vfs.Inode]touched)
	}
	if had, ok := w.nodes[n]; ok {
		how = touched{had.content || how.content, had.meta || how.meta, had.xattrs || how.xattrs, had.dated || how.dated, had.mtime}
	}
	w.nodes[n] = how
}

// wholeMoves notes that a task's exec renames what was at an entry.
func (e *engine) wholeMoves(t *task, a *entry, n *vfs.Inode) {
	w := t.whole()
	if w == nil || n == nil || n.Made && e.isWithin(n.MadeBy, w) {
		return
	}
	if isDir(&a.st) {
		e.because(t, n.MadeBy, "it renames a directory that it has not made")
	}
	w.moved(n, origin{a.path(), n.Mtime})
}

func (w *whole) moved(n *vfs.Inode, from origin) {
	if _, before := w.origin[n]; before {
		return
	}
	if w.origin == nil {
		w.origin = make(map[*vfs.Inode]origin)
	}
	w.origin[n] = from
}

// inheritsAll notes what a whole begins with, and makes a text of it for its key.
func (e *engine) inheritsAll(t *task, w *whole) string {
	var text []byte
	e.eachFD(t, func(fd int, st *unix.Stat_t) {
		k, flags, key := e.kindOfStat(st), 0, vfs.KeyOf(st)
		if fl, errno := e.flags(t, int32(fd)); errno == 0 {
			flags = fl & (unix.O_ACCMODE | unix.O_APPEND | unix.O_NONBLOCK | unix.O_PATH | unix.O_DIRECT)
		}
		first, again := fd, len(w.inherits[key]) > 0
		if again {
			first = w.inherits[key][0]
		}
		w.inherits[key] = append(w.inherits[key], fd)
		text = append(strconv.AppendInt(text, int64(fd), 10), ' ')
		text = append(append(text, fdKinds[k]...), ' ')
		text = append(strconv.AppendInt(text, int64(flags), 8), ' ')
		text = append(strconv.AppendInt(text, int64(first), 10), ' ')
		writes := flags&unix.O_ACCMODE != unix.O_RDONLY && flags&unix.O_PATH == 0
		switch k {
		case kindFile:
			text = e.inheritsFile(t, w, fd, st, flags, text)
			if again && (writes || w.sinks[key] != nil) && !e.oneDescription(t, first, t, fd) {
				w.cannot("it has inherited a file that was opened twice")
			}
		case kindPipe:
			if writes && !again && flags&unix.O_ACCMODE == unix.O_WRONLY {
				w.sinks[key] = &sink{fd: fd, key: key, made: e.madePipe(key)}
			}
			if s := e.stream(key); s != 0 {
				text = append(text, "stream"...)
				text = strconv.AppendInt(text, int64(s), 10)
			}
		case kindDevice:
			text = strconv.AppendUint(text, st.Rdev, 10)
			if writes && w.sinks[key] == nil {
				w.sinks[key] = &sink{fd: fd, key: key, device: true} // for its flags
			}
		case kindDir:
			path, _ := e.pathOf(e.fdPath(t, int32(fd)))
			text = append(text, strconv.Quote(path)...)
		case kindTTY:
			w.cannot("it has a terminal")
		}
		text = append(text, '\n')
	})
	return string(text)
}

// inheritsFile is inheritsAll of a regular file.
func (e *engine) inheritsFile(t *task, w *whole, fd int, st *unix.Stat_t, flags int, text []byte) []byte {
	if e.outsideFile(st) {
		if local, errno := e.borrow(t, int32(fd)); errno == 0 {
			off, _ := unix.Seek(local, 0, unix.SEEK_CUR)
			w.files = append(w.files, inheritedFile{fd: fd, local: local, off: off, stdin: true, shared: true, path: "the standard input"})
		}
		return append(text, "stdin"...)
	}
	key := vfs.KeyOf(st)
	path, _ := e.pathOf(e.fdPath(t, int32(fd)))
	n := e.inode(st, func() (string, unix.Errno) { return path, 0 })
	if flags&unix.O_ACCMODE == unix.O_WRONLY {
		if w.sinks[key] == nil {
			s := &sink{fd: fd, key: key, node: n, mtime: n.Mtime}
			if n.Made {
				s.made = n.MadeBy
			}
			w.sinks[key] = s
		}
		return text
	}
	if flags&unix.O_PATH != 0 {
		return append(text, strconv.Quote(path)...)
	}
	local, errno := e.borrow(t, int32(fd))
	if errno != 0 {
		w.cannot("it has inherited a file that cannot be looked at")
		return text
	}
	off, err := unix.Seek(local, 0, unix.SEEK_CUR)
	if err != nil {
		off = -1
	}
	shared := e.othersHave(t, st)
	if shared {
		text = append(text, "shared "...)
	}
	w.files = append(w.files, inheritedFile{fd: fd, local: local, off: off, path: path, shared: shared})
	if n.Gone() {
		w.cannot("it has inherited a file that has no name")
	}
	text = append(strconv.AppendInt(text, off, 10), ' ')
	if !e.mayChange(st) {
		e.seesFixed(t, path)
	}
	return append(text, strconv.Quote(path)...)
}

// madePipe is the exec that has made a pipe, 0 if none in the box has.
func (e *engine) madePipe(key vfs.Key) uint64 {
	if p := e.pipeTable[key]; p != nil {
		return p.by
	}
	return 0
}

// sinks notes that a task writes bytes to something, which an exec has made: wholes that have
// inherited it leave them there.
func (e *engine) sinks(t *task, key vfs.Key, made uint64, data []byte) {
	w := t.whole()
	if w == nil || e.isWithin(made, w) {
		return
	}
	s := w.sinks[key]
	if s == nil {
		e.because(t, made, "it writes to what it has not inherited")
		return
	}
	e.sinksInto(w, sinkWrite{to: s, at: t.stamp(), known: t.clk.O, data: slices.Clone(data)})
}

// sinksInto notes that something has been written to what a whole has inherited, or to what it
// has opened itself.
func (e *engine) sinksInto(w *whole, wr sinkWrite) {
	s := w.sinks[wr.to.key]
	switch {
	case s != nil:
	case wr.to.device, wr.sets && e.isWithin(wr.to.made, w):
		return // it has opened it itself
	case wr.to.node != nil && !wr.sets:
		w.touch(wr.to.node, touched{content: true, mtime: wr.to.mtime})
		return
	case e.isWithin(wr.to.made, w):
		return
	default:
		w.cannot("it writes to what it has not inherited")
		return
	}
	if w.written += len(wr.data); w.written > maxWritten {
		w.cannot("it writes more than 16 MiB to what it has inherited")
		w.writes = nil
		return
	}
	s.used = s.used || !wr.sets
	wr.to = s
	w.writes = append(w.writes, wr)
}

// sinkOf is the sink that a task writes to by a descriptor of a file, or nil.
func (e *engine) sinkOf(t *task, st *unix.Stat_t) *sink {
	if w := t.whole(); w != nil && len(w.sinks) > 0 {
		return w.sinks[vfs.KeyOf(st)]
	}
	return nil
}
