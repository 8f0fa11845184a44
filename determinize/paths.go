package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// where is a path of the guest, as the engine reaches it. The engine's thread
// is in the box's mount namespace with the guest's own rights, so that the
// kernel resolves the path for it as it would for the guest, but for
// /proc/self, which is the reader's.
type where struct {
	dir  int    // directory descriptor, or AT_FDCWD for an absolute path
	path string // as seen from dir
	raw  string // as the guest gave it
	temp bool   // dir was opened for this path and has to be closed
}

func (w where) close() {
	if w.temp {
		unix.Close(w.dir)
	}
}

// path reads a path argument and says where it leads. dirfd is the guest's
// descriptor or AT_FDCWD. An empty path names the descriptor itself when
// empty is true.
func (e *engine) path(t *task, dirfd int32, addr uint64, empty bool) (where, unix.Errno) {
	s, errno := e.pathString(t, addr)
	if errno != 0 {
		return where{}, errno
	}
	return e.locate(t, dirfd, s, empty)
}

// readPath is a path argument that was copied from a task's memory.
type readPath struct {
	addr  uint64 // 0: none
	path  string
	errno unix.Errno
}

// pathString copies a path argument, once a call: it is judged by what is used.
func (e *engine) pathString(t *task, addr uint64) (string, unix.Errno) {
	for i := range t.paths {
		if p := &t.paths[i]; p.addr == addr && addr != 0 {
			return p.path, p.errno
		}
	}
	s, errno := e.tr.ReadString(t.pid, addr, tracer.MaxPath-1)
	t.paths[1] = t.paths[0]
	t.paths[0] = readPath{addr, s, errno}
	return s, errno
}

// locate is path of a string that has been read.
func (e *engine) locate(t *task, dirfd int32, s string, empty bool) (where, unix.Errno) {
	if strings.HasPrefix(s, "/") {
		return where{dir: unix.AT_FDCWD, path: t.own(s), raw: s}, 0
	}
	base := strconv.Itoa(t.pid) + "/cwd"
	if dirfd != unix.AT_FDCWD {
		base = e.fdPath(t, dirfd)
	}
	if s == "" {
		if !empty {
			return where{}, unix.ENOENT
		}
		return where{dir: e.procFD(), path: base, raw: s}, 0
	}
	if len(base)+1+len(s) < tracer.MaxPath {
		return where{dir: e.procFD(), path: base + "/" + s, raw: s}, 0
	}
	// A path of nearly PATH_MAX has no room for what leads to its start.
	fd, err := unix.Openat(e.procFD(), base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return where{}, errnoOf(err)
	}
	return where{dir: fd, path: s, raw: s, temp: true}, 0
}

// own replaces the beginning of an absolute path that means the process that
// resolves it, which for the engine would be itself.
func (t *task) own(s string) string {
	for _, alias := range [...]struct{ prefix, rest string }{
		{"/proc/self/", "/"},
		{"/proc/thread-self/", "/task/" + strconv.Itoa(t.vpid) + "/"},
		{"/dev/fd/", "/fd/"},
	} {
		if rest, ok := strings.CutPrefix(s, alias.prefix); ok && rest != "" {
			return "/proc/" + strconv.Itoa(t.vpid) + alias.rest + rest
		}
	}
	switch s {
	case "/dev/stdin":
		return "/proc/" + strconv.Itoa(t.vpid) + "/fd/0"
	case "/dev/stdout":
		return "/proc/" + strconv.Itoa(t.vpid) + "/fd/1"
	case "/dev/stderr":
		return "/proc/" + strconv.Itoa(t.vpid) + "/fd/2"
	}
	return s
}

func (e *engine) procFD() int { return int(e.cfg.HostProc.Fd()) }

// fdPath is where a descriptor of the guest is found, until the engine turns to another task or call.
func (e *engine) fdPath(t *task, fd int32) string {
	if t.undumpable {
		if local, errno := e.borrow(t, fd); errno == 0 {
			e.lent = append(e.lent, local)
			return "self/fd/" + strconv.Itoa(local)
		}
	}
	return strconv.Itoa(t.pid) + "/fd/" + strconv.Itoa(int(fd))
}

// onFDs calls f, which looks at the descriptors of a process in /proc.
func (e *engine) onFDs(t *task, f func()) {
	if t != nil && t.undumpable {
		e.privileged(f)
		return
	}
	f()
}

// stat stats a place. follow says whether a final symbolic link is followed.
func (e *engine) stat(w where, follow bool, st *unix.Stat_t) unix.Errno {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow || w.raw == "" {
		flags = 0
	}
	return errnoOf(unix.Fstatat(w.dir, w.path, st, flags|unix.AT_NO_AUTOMOUNT))
}

// find is stat of a place that may lead through /proc/self: it then becomes
// the place that the guest means.
func (e *engine) find(t *task, w *where, follow bool, st *unix.Stat_t) unix.Errno {
	errno := e.stat(*w, follow, st)
	if errno != unix.ENOENT || w.raw == "" || e.missing(*w) != 0 {
		return errno
	}
	through, ok := e.retrace(t, *w, follow)
	if !ok {
		return errno
	}
	w.close()
	*w = through
	return e.stat(*w, follow, st)
}

// statFD stats a descriptor of the guest. EBADF when there is none.
func (e *engine) statFD(t *task, fd int32, st *unix.Stat_t) unix.Errno {
	if fd < 0 {
		return unix.EBADF
	}
	errno := errnoOf(unix.Fstatat(e.procFD(), e.fdPath(t, fd), st, 0))
	if errno == unix.ENOENT {
		return unix.EBADF
	}
	return errno
}

// retrace resolves a path step by step as the guest would, for one that leads
// through /proc/self: the kernel resolves that for whoever asks. ok is false
// when the path does not.
func (e *engine) retrace(t *task, w where, follow bool) (out where, ok bool) {
	rest := w.raw
	cur := "" // absolute and without links
	if !strings.HasPrefix(rest, "/") {
		start, errno := e.pathOf(strings.TrimSuffix(w.path, "/"+w.raw))
		if errno != 0 || !strings.HasPrefix(start, "/") {
			return where{}, false
		}
		cur = start
	}
	self := false
	buf := make([]byte, tracer.MaxPath)
	for range 40 * 16 { // the kernel follows at most 40 links
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			break
		}
		name, tail, _ := strings.Cut(rest, "/")
		rest = tail
		switch name {
		case ".":
			continue
		case "..":
			cur, _ = split(cur)
			cur = strings.TrimRight(cur, "/")
			continue
		}
		next := cur + "/" + name
		if cur == "/proc" && (name == "self" || name == "thread-self") && (rest != "" || follow) {
			self = true
			cur = "/proc/" + strconv.Itoa(t.vpid)
			if name == "thread-self" {
				cur += "/task/" + strconv.Itoa(t.vpid)
			}
			continue
		}
		if rest == "" && !follow {
			cur = next
			break
		}
		n, err := unix.Readlinkat(unix.AT_FDCWD, next, buf)
		magic := strings.HasPrefix(cur, "/proc/") // a link to an object, not to a path
		if err != nil || magic || n == len(buf) {
			cur = next
			continue
		}
		target := string(buf[:n])
		if strings.HasPrefix(target, "/") {
			cur = ""
		}
		rest = target + "/" + rest
	}
	if !self {
		return where{}, false
	}
	if cur == "" {
		cur = "/"
	}
	return where{dir: unix.AT_FDCWD, path: cur, raw: w.raw}, true
}

// missing is what is known of a path that could not be resolved: ENOENT where
// it is not there, because its directory is, outside of /proc, and the name is
// not in it; EACCES where the guest may not even ask. What is not known this
// way, 0, has to be asked of the guest's own kernel.
func (e *engine) missing(w where) unix.Errno {
	dir, base := split(w.path)
	if dir == "" {
		dir = "."
	}
	var st unix.Stat_t
	if unix.Fstatat(w.dir, dir, &st, unix.AT_NO_AUTOMOUNT) != nil {
		return e.mayReach(w)
	}
	if errno := e.mayPass(&st, w, dir); errno != 0 {
		return errno
	}
	if st.Dev == e.proc || base == "" || base == ".." || base == "." {
		return 0
	}
	// A slash at the end would have the kernel follow a link, for the engine.
	if unix.Fstatat(w.dir, strings.TrimRight(w.path, "/"), &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) == unix.ENOENT {
		return unix.ENOENT
	}
	return 0
}

// split cuts a path into its directory, with the final slash, and its last
// component, without trailing slashes.
func split(p string) (dir, base string) {
	for len(p) > 1 && p[len(p)-1] == '/' {
		p = p[:len(p)-1]
	}
	i := strings.LastIndexByte(p, '/')
	return p[:i+1], p[i+1:]
}

// canonical is the path in the box of what a place names.
func (e *engine) canonical(w where, follow bool) (string, unix.Errno) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !follow && w.raw != "" {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(w.dir, w.path, flags, 0)
	if err != nil {
		return "", errnoOf(err)
	}
	defer unix.Close(fd)
	return e.pathOf("self/fd/" + strconv.Itoa(fd))
}

// pathOf reads a magic link of the host's /proc. What it names has no path in
// the box when the result does not start with a slash.
func (e *engine) pathOf(link string) (string, unix.Errno) {
	var small [512]byte
	buf := small[:]
	for {
		n, err := unix.Readlinkat(e.procFD(), link, buf)
		if err != nil {
			return "", errnoOf(err)
		}
		if n < len(buf) {
			return e.withoutMark(link, string(buf[:n])), 0
		}
		buf = make([]byte, 2*len(buf))
	}
}

// withoutMark takes away what the kernel appends to the path of what is gone,
// unless that is how the name ends.
func (e *engine) withoutMark(link, path string) string {
	bare, marked := strings.CutSuffix(path, deletedMark)
	if !marked {
		return path
	}
	var st unix.Stat_t
	if unix.Fstatat(e.procFD(), link, &st, 0) == nil && names(path, &st) {
		return path
	}
	return bare
}

// inode returns what is known of what st describes; path tells its canonical
// path if it was there before the box.
func (e *engine) inode(st *unix.Stat_t, path func() (string, unix.Errno)) *vfs.Inode {
	n := e.virtualInode(st, path)
	if e.cfg.Unpinned.Has(PinInodes) {
		n.Ino = st.Ino
	}
	return n
}

// virtualInode is inode with all pins on.
func (e *engine) virtualInode(st *unix.Stat_t, path func() (string, unix.Errno)) *vfs.Inode {
	if n := e.fs.Find(st); n != nil {
		return n
	}
	p, errno := path()
	if errno != 0 || p == "" {
		p = "/?"
	}
	if n := e.fs.At(p); n != nil && names(p, st) {
		e.fs.Alias(vfs.KeyOf(st), n)
		return n
	}
	return e.lower(st, p)
}

// parent finds the directory that holds, or will hold, the last component of
// a path.
func (e *engine) parent(w where) (dir where, base string, st unix.Stat_t, errno unix.Errno) {
	d, base := split(w.path)
	if d == "" {
		d = "."
	}
	dir = where{dir: w.dir, path: d, raw: d}
	errno = e.stat(dir, true, &st)
	return dir, base, st, errno
}
