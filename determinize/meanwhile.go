package determinize

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/clock"
)

// The files of a container are where others may change them while it runs: volumes, its root. What it
// has looked at is looked at again when it has ended.

// glance is what a name led to when the box looked it up; the zero glance: to nothing.
type glance struct {
	mode  uint32
	size  int64
	mtime int64 // nanoseconds
}

// glanceOf is the glance of a file. Its inode number is not in it: overlays change that.
func glanceOf(st *unix.Stat_t) glance { return glance{st.Mode, st.Size, st.Mtim.Nano()} }

// maxMeanwhile is how many taints tell of what was changed meanwhile.
const maxMeanwhile = 10

// changedMeanwhile taints the box for what it has looked at, and has not changed itself, and is another now: somebody else has
// changed it.
func (e *engine) changedMeanwhile() {
	if err := e.become(&creds{caps: ^uint64(0)}); err != nil {
		e.taint(TaintUnchecked, "whether its files were changed from outside could not be looked at: "+err.Error(), nil)
		return
	}
	e.acting = creds{caps: ^uint64(0)}
	var changed []string
	for _, d := range e.folders {
		if d.fixed || d.removed() {
			continue
		}
		for base, nm := range d.names {
			if nm.known && e.changedName(d, base, nm) {
				changed = append(changed, d.below(base))
			}
		}
	}
	slices.Sort(changed)
	for _, path := range changed[:min(len(changed), maxMeanwhile)] {
		e.taint("changed", path+" was changed from outside while the container ran", nil)
	}
}

// removed tells whether a folder, or one above it, was taken away.
func (d *folder) removed() bool {
	for ; d.up != d; d = d.up {
		if d.node.Gone() {
			return true
		}
	}
	return false
}

// changedName tells whether a name leads to something else than when the box looked it up.
func (e *engine) changedName(d *folder, base string, nm *name) bool {
	if nm.kind == nameProc || nm.kind == nameAbsent && nm.errno != unix.ENOENT {
		return false
	}
	dir, path, done, errno := e.namePath(d, base)
	defer done()
	var st unix.Stat_t
	if errno == 0 {
		errno = errnoOf(unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT))
	}
	switch {
	case errno != 0 && errno != unix.ENOENT, terminalFile(nm.first.mode), terminalFile(st.Mode):
		return false
	case (errno == unix.ENOENT) != (nm.kind == nameAbsent):
		return true
	case nm.kind == nameAbsent:
		return false
	}
	now, was := glanceOf(&st), nm.first
	if nm.kind == nameFolder {
		// Of what is in it only those know who have listed it.
		if now.size, was.size = 0, 0; nm.node == nil || nm.node.Accesses == nil || !nm.node.Accesses.Listing.Accessed() {
			now.mtime, was.mtime = 0, 0
		}
	}
	if nm.node != nil && !nm.node.Last.Same(clock.Edge{}) { // the box itself has changed it
		return now.mode&unix.S_IFMT != was.mode&unix.S_IFMT
	}
	return now != was
}

// terminalFile tells whether a file is a device, which terminals come and go with.
func terminalFile(mode uint32) bool { return mode&unix.S_IFMT == unix.S_IFCHR }

// lockedOutside taints a container where a call has found a file locked, and nobody in it has any lock of that file.
func (e *engine) lockedOutside(t *task) {
	var st unix.Stat_t
	if !e.cfg.Users || e.statFD(t, t.fd(0), &st) != 0 {
		return
	}
	file := ":" + strconv.FormatUint(st.Ino, 10) + " "
	inside := e.eachDescriptor(func(link string) bool {
		text, errno := readAll(e.procFD(), strings.Replace(link, "/fd/", "/fdinfo/", 1))
		for line := range strings.Lines(string(text)) {
			if errno == 0 && strings.HasPrefix(line, "lock:") && strings.Contains(line, file) {
				return true
			}
		}
		return false
	})
	if path, errno := e.pathOf(e.fdPath(t, t.fd(0))); !inside && errno == 0 {
		e.taint("changed", path+" is locked from outside", t)
	}
}
