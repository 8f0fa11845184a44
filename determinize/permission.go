package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/tracer"
	"laplace.dev/laplace/determinize/vfs"
)

// What the guest may do with the host's files is what anybody may: the last
// three bits of their modes decide. Where the host's root runs the box the
// kernel sees to that, for the guest's host user owns nothing. Elsewhere the
// guest's host user is the caller, or the project's owner, and the kernel would
// also let it read what is private to that user and its groups. Here this is
// refused: what a box reads must not depend on who runs it. Changing files of
// the host is refused by read-only mounts, whoever asks.

// standing is what is known of a file's place.
type standing uint8

const (
	elsewhere standing = iota // it is not one of the host's
	reachable                 // anybody may pass through all directories above it
	closed                    // not so
)

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// judgements are the standings of what was judged before. The host's files are
// not changed while the box runs.
type judgements struct {
	files map[vfs.Key]standing
	dirs  map[string]bool // closed, by canonical path
	ways  map[string]bool // the way leads through a closed one, by a path as the guest wrote it
}

// mayUse is EACCES where the guest is refused what is at a place, of which st
// is known. want are permissions as in access(2): R_OK, X_OK, none, or enter.
func (e *engine) mayUse(st *unix.Stat_t, w where, follow bool, want uint32) unix.Errno {
	if !e.cfg.OwnsFiles {
		return 0
	}
	s := e.standing(st, func() (string, unix.Errno) { return e.canonical(w, follow) })
	if s == reachable && w.raw != "" {
		way := w.path
		if dir, base := split(way); !follow && base != ".." {
			way = dir // the name itself is no way to anywhere
		}
		if e.detour(w, way, maxLinks) {
			s = closed
		}
	}
	return judge(s, st.Mode, want)
}

// mayUseFD is mayUse of an open file at a path of the host's /proc.
func (e *engine) mayUseFD(st *unix.Stat_t, link string, want uint32) unix.Errno {
	if !e.cfg.OwnsFiles {
		return 0
	}
	return judge(e.standing(st, func() (string, unix.Errno) { return e.pathOf(link) }), st.Mode, want)
}

// enter is a permission that is only asked for of directories: X_OK, after the
// kernel has found that it is one.
const enter = 1 << 31

// judge says what anybody may do with a file of that mode.
func judge(s standing, mode, want uint32) unix.Errno {
	if want == enter {
		want = 0
		if mode&unix.S_IFMT == unix.S_IFDIR {
			want = unix.X_OK
		}
	}
	if s == closed || s == reachable && mode&want != want {
		return unix.EACCES
	}
	return 0
}

// standing finds out where a file is.
func (e *engine) standing(st *unix.Stat_t, path func() (string, unix.Errno)) standing {
	if n := e.fs.Find(st); n != nil && (n.Made || n.Bound()) || st.Dev == e.proc || e.outsideFile(st) {
		return elsewhere
	}
	k := vfs.KeyOf(st)
	one := st.Nlink < 2 || isDir(st) // else each of its names has a place of its own
	if s, ok := e.judged.files[k]; ok && one {
		return s
	}
	p, errno := path()
	if errno != 0 {
		return elsewhere // it is gone
	}
	s := elsewhere
	if m, _ := e.fs.MountOf(p); m.Host && strings.HasPrefix(p, "/") {
		s = reachable
		if dir, _ := split(p); e.closed(dir) {
			s = closed
		}
	}
	if e.judged.files == nil {
		e.judged.files = make(map[vfs.Key]standing)
	}
	e.judged.files[k] = s
	return s
}

// closed tells whether a directory, or one above it, is one of the host's that
// not everybody may pass through. The path is canonical.
func (e *engine) closed(dir string) bool {
	if len(dir) > 1 {
		dir = strings.TrimSuffix(dir, "/")
	}
	if dir == "/" || !strings.HasPrefix(dir, "/") {
		return false
	}
	if c, ok := e.judged.dirs[dir]; ok {
		return c
	}
	var st unix.Stat_t
	c := false
	if m, _ := e.fs.MountOf(dir); m.Host {
		err := unix.Fstatat(unix.AT_FDCWD, dir, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
		c = err != nil || st.Mode&unix.X_OK == 0
	}
	if !c {
		up, _ := split(dir)
		c = e.closed(up)
	}
	if e.judged.dirs == nil {
		e.judged.dirs = make(map[string]bool)
	}
	e.judged.dirs[dir] = c
	return c
}

// detour tells whether the way that a path takes to what is there leads through
// a closed directory, and by a symbolic link or ".." out of it again. links is
// how many links may still be followed.
func (e *engine) detour(w where, path string, links int) bool {
	path = strings.TrimRight(path, "/")
	if len(path) <= w.start() || links == 0 {
		return links == 0
	}
	cached := false
	if w.dir == unix.AT_FDCWD {
		// What leads through directories that may change is resolved anew.
		m, ok := e.fs.MountOf(path)
		cached = m.Host || !ok
	}
	if cached {
		if c, ok := e.judged.ways[path]; ok {
			return c
		}
	}
	c := e.detourAnew(w, path, links)
	if cached {
		const enough = 1 << 14 // a path can be written in many ways
		if e.judged.ways == nil || len(e.judged.ways) >= enough {
			e.judged.ways = make(map[string]bool)
		}
		e.judged.ways[path] = c
	}
	return c
}

func (e *engine) detourAnew(w where, path string, links int) bool {
	dir, _ := split(path)
	if len(dir) > w.start() {
		var st unix.Stat_t
		if at := (where{dir: w.dir, path: dir, raw: dir}); e.stat(at, true, &st) == 0 {
			s := e.standing(&st, func() (string, unix.Errno) { return e.canonical(at, true) })
			if judge(s, st.Mode, unix.X_OK) != 0 {
				return true
			}
		}
		if e.detour(w, dir, links) {
			return true
		}
	}
	buf := make([]byte, tracer.MaxPath)
	n, err := unix.Readlinkat(w.dir, path, buf)
	switch {
	case err != nil || n == len(buf):
		return false
	case buf[0] == '/':
		return e.detour(where{dir: unix.AT_FDCWD, raw: "/"}, string(buf[:n]), links-1)
	}
	return e.detour(w, dir+string(buf[:n]), links-1)
}

// start is the length of what precedes the guest's own path: what leads to the
// directory that it starts from.
func (w where) start() int {
	if strings.HasPrefix(w.raw, "/") {
		return 0
	}
	return len(w.path) - len(w.raw)
}

// may is mayUse of a place of which nothing is known yet; ENOENT for what is in
// /proc and not the guest's to see. What is not there is judged by the directory
// in which it is not.
func (e *engine) may(t *task, w *where, follow bool, want uint32) unix.Errno {
	var st unix.Stat_t
	if e.find(t, w, follow, &st) != 0 {
		return e.mayReach(*w)
	}
	if st.Dev == e.proc && e.strange(*w, follow) {
		return unix.ENOENT
	}
	return e.mayUse(&st, *w, follow, want)
}

// mayAt is may of a path argument that the engine has no other use for. What
// else is wrong with it the kernel says.
func (e *engine) mayAt(t *task, dirfd int32, addr uint64, empty, follow bool, want uint32) unix.Errno {
	w, errno := e.path(t, dirfd, addr, empty)
	if errno != 0 {
		return 0
	}
	defer func() { w.close() }()
	return e.may(t, &w, follow, want)
}

// mayReach is EACCES where the guest may not pass through the last directory
// that exists on the way to a place.
func (e *engine) mayReach(w where) unix.Errno {
	if !e.cfg.OwnsFiles {
		return 0
	}
	for path := w.path; ; {
		dir, _ := split(path)
		if len(dir) < w.start() {
			return 0
		}
		if dir == "" {
			dir = "."
		}
		var st unix.Stat_t
		if e.stat(where{dir: w.dir, path: dir, raw: dir}, true, &st) == 0 {
			return e.mayPass(&st, w, dir)
		}
		if dir == path || dir == "." {
			return 0
		}
		path = dir
	}
}

// mayPass is EACCES where the guest may not pass through a directory on its way
// to a place. st is the directory, dir its path.
func (e *engine) mayPass(st *unix.Stat_t, w where, dir string) unix.Errno {
	if !e.cfg.OwnsFiles {
		return 0
	}
	at := where{dir: w.dir, path: dir, raw: dir}
	s := e.standing(st, func() (string, unix.Errno) { return e.canonical(at, true) })
	if s == reachable && e.detour(w, dir, maxLinks) {
		s = closed
	}
	return judge(s, st.Mode, unix.X_OK)
}

// mayEnter is EACCES where the guest may not pass through a directory that it
// has a descriptor of.
func (e *engine) mayEnter(t *task, fd int32) unix.Errno {
	var st unix.Stat_t
	if !e.cfg.OwnsFiles || e.statFD(t, fd, &st) != 0 || !isDir(&st) {
		return 0
	}
	return e.mayUseFD(&st, e.fdPath(t, fd), unix.X_OK)
}

// mayRead is EACCES where the guest may not read what the engine has opened.
func (e *engine) mayRead(fd int) unix.Errno {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return errnoOf(err)
	}
	return e.mayUseFD(&st, "self/fd/"+strconv.Itoa(fd), unix.R_OK)
}
