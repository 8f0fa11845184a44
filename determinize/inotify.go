package determinize

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// inotify is a queue of what happened to the files that it watches; inotify(7). What happens
// is raised by the calls of the box's tasks (raise.go).
type inotify struct {
	key     vfs.Key
	watches map[*vfs.Inode]*inotifyWatch
	last    int32 // watch descriptor
	queue   []fileEvent
	carried             // by those who did what is in it
	at      sched.Stamp // of the last one
}

// inotifyWatch is a file that is watched.
type inotifyWatch struct {
	in   *inotify
	wd   int32
	mask uint32
	of   *vfs.Inode
}

// fileEvent is a struct inotify_event.
type fileEvent struct {
	wd     int32
	mask   uint32
	cookie uint32
	name   string // in a directory, or ""
}

// Limits of inotify, as /proc/sys/fs/inotify says.
const (
	maxFileEvents   = 16384
	maxFileWatches  = 65536
	maxInotifies    = 128
	sizeofFileEvent = 16
)

func (in *inotify) title() string { return "inotify" }

func (in *inotify) write(*engine, *task) verdict { return fail(unix.EBADF) }

func (in *inotify) closed(e *engine) {
	e.inotifies--
	for _, w := range in.watches {
		e.dropWatch(w)
	}
}

func (in *inotify) ready(*engine, *task) int16 {
	if len(in.queue) > 0 {
		return pollIn
	}
	return 0
}

func (in *inotify) since(e *engine, t *task, asked int16) (sched.Stamp, bool) {
	return in.at, in.ready(e, t)&asked != 0
}

// put adds an event to the queue; what is the same as the last one is no other.
func (in *inotify) put(e *engine, t *task, ev fileEvent) {
	n := len(in.queue)
	switch {
	case n > 0 && in.queue[n-1] == ev:
		return
	case n > maxFileEvents:
		return
	case n == maxFileEvents:
		ev = fileEvent{wd: -1, mask: unix.IN_Q_OVERFLOW}
	}
	in.queue = append(in.queue, ev)
	in.at = t.stamp()
	in.from(t)
	e.notify(in.key, pollIn)
}

// size is how many bytes a read gives of an event: the name is padded with zeros.
func (ev *fileEvent) size() int {
	if ev.name == "" {
		return sizeofFileEvent
	}
	return sizeofFileEvent + (len(ev.name)+sizeofFileEvent)&^(sizeofFileEvent-1)
}

// appendTo appends an event as a read gives it.
func (ev *fileEvent) appendTo(b []byte) []byte {
	size := ev.size()
	end := len(b) + size
	b = binary.LittleEndian.AppendUint32(b, uint32(ev.wd))
	b = binary.LittleEndian.AppendUint32(b, ev.mask)
	b = binary.LittleEndian.AppendUint32(b, ev.cookie)
	b = binary.LittleEndian.AppendUint32(b, uint32(size-sizeofFileEvent))
	b = append(b, ev.name...)
	return append(b, make([]byte, end-len(b))...)
}

// queued is how many bytes there are to be read: FIONREAD.
func (in *inotify) queued() (n int) {
	for i := range in.queue {
		n += in.queue[i].size()
	}
	return n
}

// read gives as many events as fit.
func (in *inotify) read(e *engine, t *task) verdict {
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return fail(errno)
	}
	take := func() verdict {
		var b []byte
		n := 0
		for n < len(in.queue) && len(b)+in.queue[n].size() <= total {
			b = in.queue[n].appendTo(b)
			n++
		}
		if n == 0 {
			return fail(unix.EINVAL)
		}
		if _, errno := e.scatter(t, spans, b); errno != 0 {
			return fail(errno)
		}
		in.to(t)
		in.queue = slices.Delete(in.queue, 0, n)
		e.changes++
		return answer(int64(len(b)))
	}
	if len(in.queue) > 0 {
		return take()
	}
	if e.waitsNot(t) {
		return fail(unix.EAGAIN)
	}
	v := block(saying("a change of a file (inotify)"), e.everybody(t), func() (sched.Stamp, bool) { return in.at, len(in.queue) > 0 })
	v.then = take
	return v
}

// dropWatch ends a watch.
func (e *engine) dropWatch(w *inotifyWatch) {
	delete(w.in.watches, w.of)
	e.fileWatches--
	rest := slices.DeleteFunc(e.watchedFiles[w.of], func(x *inotifyWatch) bool { return x == w })
	if e.watchedFiles[w.of] = rest; len(rest) == 0 {
		delete(e.watchedFiles, w.of)
	}
}

// ignore ends a watch, and says so.
func (e *engine) ignore(t *task, w *inotifyWatch) {
	e.dropWatch(w)
	w.in.put(e, t, fileEvent{wd: w.wd, mask: unix.IN_IGNORED})
}
