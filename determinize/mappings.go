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
	m := mapping{t.exec, op}
	if !slices.Contains(e.mappings[n], m) {
		e.mappings[n] = append(e.mappings[n], m)
		t.exec.mapped = append(t.exec.mapped, n)
	}
}

// unmaps notes that a process has no mappings any more.
func (e *engine) unmaps(t *task) {
	if t.exec == nil || len(t.exec.mapped) == 0 {
		return
	}
	for _, n := range t.exec.mapped {
		for _, m := range e.mappings[n] {
			if m.by == t.exec && m.op == conflict.Read {
				e.onFile(t, n, conflict.Content, conflict.Read)
			} else if m.by == t.exec {
				e.onFile(t, n, conflict.Content, m.op)
			}
		}
	}
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

// meetsMappings compares an access to a file's content with the mappings of it that others
// have now.
func (e *engine) meetsMappings(t *task, n *vfs.Inode, op conflict.Op) {
	for _, m := range e.mappings[n] {
		if m.op == conflict.Read && op == conflict.Read {
			continue
		}
		for _, u := range e.live {
			if u != u.leader || u.exec != m.by || u.process == t.process || !e.hasMapped(u, n) {
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

// hasMapped tells whether a process has a file mapped now, as far as can be known.
func (e *engine) hasMapped(u *task, n *vfs.Inode) bool {
	maps, errno := readAll(e.procFD(), strconv.Itoa(u.first)+"/maps")
	if errno != 0 {
		return errno != unix.ENOENT && errno != unix.ESRCH
	}
	for line := range bytes.Lines(maps) {
		if _, path, ok := mappedFile(string(line)); ok {
			var st unix.Stat_t
			// What has lost its name cannot be told apart.
			if unix.Lstat(path, &st) != nil || e.fs.Find(&st) == n {
				return true
			}
		}
	}
	return false
}
