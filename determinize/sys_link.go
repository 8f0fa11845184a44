package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/vfs"
)

// Hard links: link(2).

// linkEnter handles link and linkat.
func linkEnter(e *engine, t *task) verdict {
	fromFD, from, toFD, to, flags := int32(unix.AT_FDCWD), t.arg(0), int32(unix.AT_FDCWD), t.arg(1), uint64(0)
	if t.call.Nr == unix.SYS_LINKAT {
		fromFD, from, toFD, to, flags = t.fd(0), t.arg(1), t.fd(2), t.arg(3), t.arg(4)
	}
	w, errno := e.path(t, fromFD, from, flags&unix.AT_EMPTY_PATH != 0)
	if errno != 0 {
		return fail(errno)
	}
	defer func() { w.close() }()
	follow := flags&unix.AT_SYMLINK_FOLLOW != 0
	if errno := e.may(t, &w, follow, 0); errno != 0 {
		return fail(errno)
	}
	b, errno := e.nameAt(t, toFD, to)
	if errno != 0 {
		return fail(errno)
	}
	var st unix.Stat_t
	if e.stat(w, follow, &st) != 0 || st.Dev == e.proc || b.fd < 0 {
		return e.named(t, func() {})
	}
	e.unite(t, w, &st)
	if e.stat(w, follow, &st) != 0 {
		return e.named(t, func() {})
	}
	n := e.inode(&st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	var link unix.Stat_t
	if w.raw == "" || follow && e.stat(w, false, &link) == 0 && link.Dev == e.proc {
		// What has lost its last name gets no other one.
		if v, wait := e.fileTurn(t, n); wait {
			return v
		}
		e.onFile(t, n, conflict.Status, conflict.Read)
	}
	e.seesBase(t, n)
	return e.named(t, func() {
		e.appeared(t, b)
		if d := e.folders[b.dir]; d != nil {
			e.seenAt(n, accessed{in: d, base: b.base}, true)
		}
		e.leaves(t, b, n)
		e.wholeTouches(t, n, touched{meta: true})
		n.Changed(&t.clk)
		e.onFile(t, n, conflict.Status, conflict.Add)
		e.happens(t, n, fileEvent{mask: unix.IN_ATTRIB | dirBit(isDir(&st))}, false)
		e.appears(t, b, false)
		if st, ok := b.now(); ok {
			e.fs.Alias(vfs.KeyOf(&st), n)
			if !n.Made {
				e.fs.Bind(b.path(), n)
			}
		}
	})
}
