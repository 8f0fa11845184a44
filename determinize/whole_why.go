package determinize

import (
	"debug/elf"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// What no memo can say: that a whole has been in touch with others while it went on.

// crosses notes that a task does something to another one that is no part of its whole.
func (e *engine) crosses(t, u *task, does, suffers string) {
	if t.exec == nil || u.exec == nil {
		return
	}
	e.because(t, u.exec.id, does)
	e.because(u, t.exec.id, suffers)
}

// inheritedBy notes that a task uses one of its descriptors in a way that others notice who have
// it too.
func (e *engine) inheritedBy(t *task, fd int32, why string) {
	var st unix.Stat_t
	if !e.caches() || e.statFD(t, fd, &st) != 0 {
		return
	}
	for w := t.whole(); w != nil; w = w.up {
		if e.began(t, w, fd, vfs.KeyOf(&st)) {
			w.cannot(why)
		}
	}
}

// began tells whether a descriptor is one that a whole began with, and not another one that leads
// to the same device or file; in doubt it is.
func (e *engine) began(t *task, w *whole, fd int32, key vfs.Key) bool {
	return slices.ContainsFunc(w.inherits[key], func(first int) bool {
		var st unix.Stat_t
		return e.statFD(t, int32(first), &st) != 0 || vfs.KeyOf(&st) != key || first == int(fd) || e.oneDescription(t, first, t, int(fd))
	})
}

// setsFlags notes that a task changes the flags of an open file, which others may have too.
func (e *engine) setsFlags(t *task, fd int32, flags uint64) {
	var st unix.Stat_t
	w := t.whole()
	if w == nil || e.statFD(t, fd, &st) != 0 {
		return
	}
	key := vfs.KeyOf(&st)
	if s := w.sinks[key]; s != nil && e.began(t, w, fd, key) {
		e.sinksInto(w, sinkWrite{to: s, at: t.stamp(), known: t.clk.O, sets: true, flags: uint32(flags)})
		return
	}
	e.inheritedBy(t, fd, "it changes the flags of what it has inherited")
}

// locksFor notes that a task takes a file lock, or gives it up: whether it gets it depends on
// others.
func (e *engine) locksFor(t *task) {
	var st unix.Stat_t
	if !e.caches() || e.statFD(t, t.fd(0), &st) != 0 {
		return
	}
	owner := uint64(boxes)
	if n := e.fs.Find(&st); n != nil && n.Made {
		owner = n.MadeBy
	}
	e.because(t, owner, "it locks a file")
}

// readsInput notes that a task reads the box's standard input.
func (e *engine) readsInput(t *task) {
	owner := uint64(boxes)
	if e.cfg.StdinDigest == nil {
		owner = 0
	}
	e.because(t, owner, "it reads the box's standard input")
}

// looksInProc notes that a task looks at a process by /proc, or for processes: rest is a name in
// the directory of the owner, or in /proc.
func (e *engine) looksInProc(t *task, owner *task, isPID bool, rest string) {
	w := t.whole()
	switch {
	case w == nil:
	case owner != nil && owner.process == t.process:
		w.ids, w.clock = true, true
	case owner != nil && owner.exec != nil:
		e.because(t, owner.exec.id, "it looks at another process")
		e.noticed(t, owner)
	case isPID:
		e.because(t, boxes, "it looks at another process")
	case rest == "":
		e.because(t, boxes, "it lists the processes")
		e.noticed(t, nil)
	default:
		w.clock = true
	}
}

// looksFor notes that a task asks whether processes are there.
func (e *engine) looksFor(t *task, targets []*task) {
	const why = "it looks for another process"
	if len(targets) == 0 {
		e.because(t, boxes, why)
		e.noticed(t, nil)
	}
	for _, u := range targets {
		if u.exec != nil {
			e.because(t, u.exec.id, why)
			e.noticed(t, u)
		}
	}
}

// usesSocket notes that a task uses a socket, which others may have, or be at the other end of.
func (e *engine) usesSocket(t *task, s *socket) {
	if s == nil || !e.caches() {
		return
	}
	e.because(t, s.by, "it uses a socket that it has inherited")
	switch {
	case s.peer != nil:
		e.because(t, s.peer.by, "it talks with another program")
	case s.state != 0 || s.local != (sockName{}):
		e.because(t, boxes, "it has a socket with a name")
	}
}

// looksAtPipe notes that a task looks whether it could read from a pipe, or write to it.
func (e *engine) looksAtPipe(t *task, p *pipe, ends sched.Ends) {
	switch {
	case p != nil:
		e.because(t, p.by, "it waits for a pipe that it has not made")
	case ends&sched.Reads != 0:
		e.readsInput(t)
	}
}

// seesExtent notes that a task asks how much there is in a file.
func (e *engine) seesExtent(t *task, fd int32) {
	var st unix.Stat_t
	if t.whole() == nil || e.statFD(t, fd, &st) != 0 || e.kindOfStat(&st) != kindFile || e.substituted(&st) {
		return
	}
	if n := e.changing(t, fd, &st); n != nil {
		e.seesContent(t, n, "")
		if t.call.Nr == unix.SYS_LSEEK && (t.fd(2) == unix.SEEK_DATA || t.fd(2) == unix.SEEK_HOLE) {
			// Where holes are is not in the content; how much room it takes is in the status.
			link := func() string {
				path, _ := e.pathOf(e.fdPath(t, fd))
				return path
			}
			if path := e.nodePath(n, link); path != "" && e.statusAt(t, path, n, &st) == 0 {
				e.seesStatus(t, n, &st, link)
			}
		}
	}
}

// asksXattrs notes that a task asks for extended attributes.
func (e *engine) asksXattrs(t *task) {
	if t.whole() == nil {
		return
	}
	w, follow := where{dir: e.procFD(), path: e.fdPath(t, t.fd(0))}, true
	if t.call.Nr != unix.SYS_FGETXATTR && t.call.Nr != unix.SYS_FLISTXATTR {
		var errno unix.Errno
		if w, follow, errno = e.metaPath(t); errno != 0 {
			return
		}
		defer w.close()
	}
	if t.call.Nr == unix.SYS_LGETXATTR {
		follow = false
	}
	var st unix.Stat_t
	if e.stat(w, follow, &st) != 0 || st.Dev == e.proc || e.substituted(&st) {
		return
	}
	link := func() string {
		path, _ := e.canonical(w, follow)
		return path
	}
	n := e.inode(&st, func() (string, unix.Errno) { return link(), 0 })
	e.seesXattrs(t, n, e.nodePath(n, link))
}

// seesLoader notes that a program has a dynamic loader, which the kernel has loaded.
func (e *engine) seesLoader(t *task, digest [32]byte) {
	if t.whole() == nil {
		return
	}
	path, known := e.loaders[digest]
	if !known {
		path = loaderOf(e.procFD(), strconv.Itoa(t.pid)+"/exe")
		e.loaders[digest] = path
	}
	f := e.follow(t, nil, path, true, func(d *folder, base string, nm *name) {
		if nm.kind == nameLink {
			e.seesName(t, d, base, nm)
		}
	})
	switch {
	case path == "" || f.name == nil:
		t.whole().cannot("its loader was not found")
	case f.node != nil:
		e.seesContent(t, f.node, f.in.below(f.base))
	default:
		e.seesFixed(t, f.in.below(f.base))
	}
}

// loaderOf is the interpreter of an ELF file: PT_INTERP in elf(5); "" if it has none.
func loaderOf(dir int, path string) string {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return ""
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < maxPath {
			text := make([]byte, p.Filesz)
			if _, err := p.ReadAt(text, 0); err == nil {
				return strings.TrimRight(string(text), "\x00")
			}
		}
	}
	return ""
}

// madeAt is the exec that made what has a key, 0 if none in the box has.
func (e *engine) madeAt(k vfs.Key) uint64 {
	if n := e.fs.Known(k); n != nil && n.Made {
		return n.MadeBy
	}
	return 0
}

// sinksFile notes that a task writes to a file. If that is by what its exec has inherited, the
// bytes are the whole's, and not the file: it calls the function that is returned when so many
// have been written.
func (e *engine) sinksFile(t *task, n *vfs.Inode, st *unix.Stat_t) (written func(int64)) {
	s := e.sinkOf(t, st)
	if s == nil {
		return func(int64) {}
	}
	copies := t.call.Nr == unix.SYS_COPY_FILE_RANGE
	if readsAt(t) || copies && t.arg(3) != 0 {
		t.whole().cannot(writesAPlace)
		return func(int64) {}
	}
	if copies {
		fd := t.fd(2)
		t.sinking = n
		return func(k int64) { e.sinksCopy(t, s, fd, k) }
	}
	spans, total, errno := e.rwSpans(t)
	if errno != 0 {
		return func(int64) {} // it fails
	}
	if total > maxWritten {
		t.whole().cannot("it writes more than 16 MiB to what it has inherited")
		return func(int64) {}
	}
	data, errno := e.gather(t, spans, 0, total)
	if errno != 0 {
		return func(int64) {} // it fails
	}
	t.sinking = n
	return func(k int64) {
		if int(k) <= len(data) {
			e.sinksInto(t.whole(), sinkWrite{to: s, at: t.stamp(), known: t.clk.O, data: append([]byte{}, data[:k]...)})
		}
	}
}

// writesAPlace is why a write to what an exec has inherited is none that can be repeated.
const writesAPlace = "it writes to a place in a file that it has inherited"

// sinksCopy notes that the kernel has written k bytes to a file by what an exec has inherited: they are read back.
func (e *engine) sinksCopy(t *task, s *sink, fd int32, k int64) {
	data, err := []byte(nil), error(unix.EFBIG)
	if k <= maxWritten {
		data, err = e.readsBack(t, fd, int(k))
	}
	if err != nil {
		t.whole().cannot("what it has copied to a file that it has inherited cannot be read back: " + err.Error())
		return
	}
	e.sinksInto(t.whole(), sinkWrite{to: s, at: t.stamp(), known: t.clk.O, data: data})
}

// readsBack are the last n bytes before where a descriptor of a file is.
func (e *engine) readsBack(t *task, fd int32, n int) ([]byte, error) {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return nil, errno
	}
	defer unix.Close(local)
	at, err := unix.Seek(local, 0, unix.SEEK_CUR)
	if err != nil {
		return nil, err
	}
	in, err := unix.Openat(e.procFD(), "self/fd/"+strconv.Itoa(local), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(in)
	data := make([]byte, n)
	for done := 0; done < n; {
		m, err := unix.Pread(in, data[done:], at-int64(n-done))
		switch {
		case err != nil:
			return nil, err
		case m == 0:
			return nil, io.ErrUnexpectedEOF
		}
		done += m
	}
	return data, nil
}

// nodePath is where a file is that the box may know, or where a link of the host's /proc says it
// is.
func (e *engine) nodePath(n *vfs.Inode, link func() string) string {
	if d := e.folders[n]; d != nil {
		return d.path()
	}
	if at, ok := e.places[n]; ok {
		return at.in.below(at.base)
	}
	if n.Made || n.Gone() {
		return ""
	}
	return link()
}
