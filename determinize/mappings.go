package determinize

import (
	"bytes"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// Mapped files are read, and written where the mapping is shared, without a call: from mmap
// until munmap, which is not seen, or the end of the program. Who writes meanwhile is in
// conflict, unless it comes after what those who have the mapping have done so far.

// mapping is that a program has mapped a file. Children that it has forked have it too.
type mapping struct {
	by *execution
	op conflict.Op // Change: by a mapping through which the file is written
}

// maps notes that a task's program maps a file, which is a read, or a write.
func (e *engine) maps(t *task, n *vfs.Inode, op conflict.Op) {
	if n == nil {
		return
	}
	if op == conflict.Read {
		e.readsContent(t, n)
	} else {
		e.writesContent(t, n, op)
	}
	e.mayMap(t, n, op)
}

// mayMap notes that a task's program may map a file from now on.
func (e *engine) mayMap(t *task, n *vfs.Inode, op conflict.Op) {
	if e.cfg.Unwatched || n == nil {
		return
	}
	m := mapping{t.exec, op}
	if !slices.Contains(e.mappings[n], m) {
		e.mappings[n] = append(e.mappings[n], m)
		t.exec.mapped = append(t.exec.mapped, n)
	}
}

// comesBy notes that a task has come by a file's descriptor, of these open flags, that it has
// not opened: it inherits or receives it.
func (e *engine) comesBy(t *task, st *unix.Stat_t, flags int) {
	if st.Mode&unix.S_IFMT == unix.S_IFREG && flags&unix.O_PATH == 0 && flags&unix.O_ACCMODE != unix.O_WRONLY && e.mayChange(st) && !e.substituted(st) {
		if n := e.fs.Find(st); n != nil {
			e.opensReadable(t, n)
		}
	}
}

// opensReadable notes that a task has a descriptor for reading a file. The loader's mappings do
// not stop: with the descriptor a program may map the file, and knows what others have
// written to it, if it is certain what that is. If not, its reads will be in conflict.
func (e *engine) opensReadable(t *task, n *vfs.Inode) {
	e.mayMap(t, n, conflict.Read)
	if e.caches() {
		e.seesContent(t, n, "")
	}
	if n.Accesses == nil || !n.Accesses.Content.ChangedBeside(&t.clk.Past) {
		t.clk.Observe(n.Written)
	}
}

// unmaps notes that a process has no mappings any more.
func (e *engine) unmaps(t *task) {
	if t.exec == nil || len(t.exec.mapped) == 0 {
		return
	}
	e.stillMaps(t)
	for _, u := range e.live {
		if u.exec == t.exec && u.process != t.process {
			return // it has them still
		}
	}
	for _, n := range t.exec.mapped {
		left := slices.DeleteFunc(e.mappings[n], func(m mapping) bool { return m.by == t.exec })
		if e.mappings[n] = left; len(left) == 0 {
			delete(e.mappings, n)
		}
	}
	t.exec.mapped = nil
}

// stillMaps notes that a program has made use until now of what it has mapped still.
func (e *engine) stillMaps(t *task) {
	if t.exec == nil || t.mapsNoted {
		return
	}
	t.mapsNoted = true
	if len(t.exec.mapped) == 0 {
		return
	}
	has := e.mappedBy(t)
	for _, n := range t.exec.mapped {
		for _, m := range e.mappings[n] {
			if m.by == t.exec && has(n) {
				e.onFile(t, n, conflict.Content, m.op)
			}
		}
	}
}

// meetsMappings compares an access to a file's content with the mappings of it that others
// have now.
func (e *engine) meetsMappings(t *task, n *vfs.Inode, op conflict.Op) {
	for _, m := range e.mappings[n] {
		if m.op == conflict.Read && op == conflict.Read {
			continue
		}
		for _, u := range e.live {
			if u != u.leader || u.exec != m.by || u.process == t.process || !e.mappedBy(u)(n) {
				continue
			}
			e.accessed = accessed{node: n}
			ordered := n.Accesses.Ordered
			mine, theirs := e.access(t, op, ordered), e.access(u, m.op, ordered)
			theirs.Call, theirs.Ordered = unix.SYS_MMAP, t.alone
			e.detector.Meets(&t.clk.Past, n.Accesses.Object(conflict.Content), conflict.Content, mine, &u.clk.Past, theirs)
		}
	}
}

// mappedBy tells which files a process has mapped now, as far as can be known.
func (e *engine) mappedBy(u *task) func(*vfs.Inode) bool {
	maps, errno := readAll(e.procFD(), strconv.Itoa(u.first)+"/maps")
	if errno != 0 {
		gone := errno == unix.ENOENT || errno == unix.ESRCH
		return func(*vfs.Inode) bool { return !gone }
	}
	var files []*vfs.Inode
	unknown, last := false, ""
	for line := range bytes.Lines(maps) {
		_, path, ok := mappedFile(string(line))
		if !ok || path == last {
			continue
		}
		last = path
		if m, _ := e.fs.MountOf(path); m.Host {
			continue
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil {
			unknown = true // what has lost its name cannot be told apart
		} else if n := e.fs.Find(&st); n != nil {
			files = append(files, n)
		}
	}
	return func(n *vfs.Inode) bool { return unknown || slices.Contains(files, n) }
}
