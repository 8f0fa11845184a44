package determinize

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/vfs"
)

// Names as paths lead through them. Each name that is looked up on the way, and each that
// is not there, is an object of its own: who makes, removes or replaces it is in conflict
// with who looks it up. The kernel is asked once for a name; whatever changes it stops.

// A folder is a directory of the box in the tree of its names.
type folder struct {
	node  *vfs.Inode
	up    *folder // the root's is itself
	base  string  // its name there
	names map[string]*name
	// fixed says that nothing in it ever changes: it is the host's.
	fixed bool
	// changed are the names in it that have been, in the order of the first time; for a cache.
	changed []string
	// shut says that it is the host's, and not everybody may pass through it: nor may the
	// guest, whoever it is there.
	shut bool
}

// nameKind says what a name leads to.
type nameKind uint8

const (
	nameAbsent nameKind = iota
	nameFolder
	nameLink
	nameFile
	nameProc // into /proc, whose files are no objects
)

// A name is an entry of a folder.
type name struct {
	conflict.Object
	known   bool // the rest holds still
	ordered bool
	raced   bool // accesses to it were in conflict, ordered or not
	kind    nameKind
	errno   unix.Errno // why nothing was found
	public  bool       // everybody may read the file that it leads to
	folder  *folder    // that it leads to
	target  string     // of a link
	first   glance     // when it was looked up
	node    *vfs.Inode // of what may be changed
	change  *change    // the last one of it in the record of an exec that goes on
	// shown are accesses by which it came into the path of a descriptor in a record, and
	// unsure says that in another run it might be another path.
	shown  *conflict.Object
	unsure bool
	// For a cache: who has changed it last, and how often it was; of what never changes, the digest
	// of what is there.
	by       uint64
	past     []nameChange
	digest   memo.Digest
	digested bool
}

// maxNames bounds how many names are kept, for a guest that makes paths up.
const maxNames = 1 << 20

// path is the folder's path in the box.
func (d *folder) path() string {
	if d.up == d {
		return "/"
	}
	var parts []string
	for ; d.up != d; d = d.up {
		parts = append(parts, d.base)
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(parts[i])
	}
	return b.String()
}

// below is the path of a name in the folder.
func (d *folder) below(base string) string { return strings.TrimSuffix(d.path(), "/") + "/" + base }

// rootFolder is the box's root directory.
func (e *engine) rootFolder() *folder {
	if e.top == nil {
		var st unix.Stat_t
		if unix.Stat("/", &st) != nil {
			return nil
		}
		e.top = e.folderOf(e.inode(&st, func() (string, unix.Errno) { return "/", 0 }), nil, "", &st)
		e.top.up = e.top
	}
	return e.top
}

// folderOf is the folder of a directory at a name.
func (e *engine) folderOf(n *vfs.Inode, up *folder, base string, st *unix.Stat_t) *folder {
	d := e.folders[n]
	if d == nil {
		d = &folder{node: n, names: make(map[string]*name), fixed: !e.mayChange(st)}
		d.shut = d.fixed && st.Dev != e.proc && st.Mode&unix.X_OK == 0
		e.folders[n] = d
	}
	d.up, d.base = up, base
	return d
}

// lookName is a name of a folder, as it is now.
func (e *engine) lookName(d *folder, base string) *name {
	nm := d.names[base]
	if nm != nil && nm.known {
		return nm
	}
	if nm == nil {
		nm = e.newName(d, base)
	}
	if e.comparing {
		e.glimpsed = append(e.glimpsed, nm)
	}
	if d.shut {
		nm.known, nm.kind, nm.errno = true, nameAbsent, unix.EACCES
		return nm
	}
	dir, path, done, errno := e.namePath(d, base)
	defer done()
	nm.kind, nm.folder, nm.target, nm.node, nm.first = nameAbsent, nil, "", nil, glance{}
	var st unix.Stat_t
	if errno == 0 {
		errno = errnoOf(unix.Fstatat(dir, path, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT))
	}
	nm.known, nm.errno = errno == 0 || errno == unix.ENOENT, errno
	if errno != 0 {
		return nm
	}
	nm.first = glanceOf(&st)
	canonical := func() (string, unix.Errno) { return d.below(base), 0 }
	switch mode := st.Mode & unix.S_IFMT; {
	case st.Dev == e.proc:
		nm.kind = nameProc
	case mode == unix.S_IFDIR:
		nm.kind, nm.node = nameFolder, e.inode(&st, canonical)
		nm.folder = e.folderOf(nm.node, d, base, &st)
	case mode == unix.S_IFLNK:
		nm.kind = nameLink
		buf := make([]byte, maxPath)
		n, err := unix.Readlinkat(dir, path, buf)
		if err != nil {
			nm.known = false
			return nm
		}
		nm.target = string(buf[:n])
	default:
		nm.kind, nm.public = nameFile, st.Mode&unix.R_OK != 0
	}
	if nm.node == nil && e.mayChange(&st) {
		nm.node = e.inode(&st, canonical)
	}
	if nm.kind == nameFile && nm.node != nil {
		e.seenAt(nm.node, accessed{in: d, base: base}, st.Nlink > 1)
	}
	if nm.ordered && nm.node != nil {
		e.accesses(nm.node).Ordered = true
	}
	return nm
}

// newName begins to keep a name of a folder.
func (e *engine) newName(d *folder, base string) *name {
	nm := &name{ordered: len(e.ordered) > 0 && e.ordered[d.below(base)]}
	if e.names++; e.names <= maxNames {
		d.names[base] = nm
	} else if !d.fixed && !e.cfg.Canonical && !e.cfg.Serial {
		e.taint(TaintUnchecked, "more names than conflicts can be looked for", nil)
	}
	return nm
}

// maxPath is the size of the longest path that the kernel takes, with its end.
const maxPath = 4096

// namePath is a name of a folder as calls with a directory take it. The caller calls done. A
// folder that is nil is none: ENOENT.
func (e *engine) namePath(d *folder, base string) (dir int, path string, done func(), errno unix.Errno) {
	done = func() {}
	if d == nil {
		return -1, "", done, unix.ENOENT
	}
	if path = d.below(base); len(path) < maxPath {
		return unix.AT_FDCWD, path, done, 0
	}
	if dir, errno = e.openFolder(d); errno == 0 {
		done = func() { unix.Close(dir) }
	}
	return dir, base, done, errno
}

// openFolder opens a folder whose path is longer than the kernel takes. The caller closes it.
func (e *engine) openFolder(d *folder) (int, unix.Errno) {
	flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if path := d.path(); len(path) < maxPath {
		fd, err := unix.Open(path, flags, 0)
		return fd, errnoOf(err)
	}
	up, errno := e.openFolder(d.up)
	if errno != 0 {
		return -1, errno
	}
	defer unix.Close(up)
	fd, err := unix.Openat(up, d.base, flags, 0)
	return fd, errnoOf(err)
}

// found is where a path leads.
type found struct {
	in   *folder // the last folder on the way
	base string  // the name in it; "" when the path ends with the folder itself
	name *name   // that name
	node *vfs.Inode
	proc bool // it leads into /proc
}

// follow follows a path from a folder and calls visit with each name on the way. links says
// whether a symbolic link at the end is followed.
func (e *engine) follow(t *task, d *folder, path string, links bool, visit func(d *folder, base string, nm *name)) found {
	var last found // what led to d, if that was its name
	root := e.within
	if root == nil {
		root = e.rootFolder()
	}
	if strings.HasPrefix(path, "/") {
		d = root
	}
	budget := maxLinks
	for rest := path; d != nil; {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" && last.name != nil {
			return last
		}
		if rest == "" {
			return found{in: d, node: d.node}
		}
		base, tail, more := strings.Cut(rest, "/")
		rest = tail
		switch base {
		case ".":
			continue
		case "..":
			if d == root {
				last = found{}
				continue
			}
			if nm := d.up.names[d.base]; nm != nil {
				visit(d.up, d.base, nm) // by which it is found
			}
			d, last = d.up, found{}
			continue
		}
		nm := e.lookName(d, base)
		visit(d, base, nm)
		switch nm.kind {
		case nameFolder:
			last = found{in: d, base: base, name: nm, node: nm.node}
			if !more {
				return last
			}
			d = nm.folder
		case nameLink:
			if !more && !links {
				return found{in: d, base: base, name: nm, node: nm.node}
			}
			if budget--; budget < 0 {
				return found{in: d, base: base, name: nm}
			}
			if last = (found{}); strings.HasPrefix(nm.target, "/") {
				d = root
			}
			if rest = nm.target; more {
				rest += "/" + tail
			}
		case nameProc:
			to, tail, ok := e.throughLink(t, rest)
			if !ok {
				return found{proc: true}
			}
			d, rest, last = to, tail, found{}
		default:
			return found{in: d, base: base, name: nm, node: nm.node}
		}
	}
	return found{}
}

// quietly visits nothing.
func quietly(*folder, string, *name) {}

// folderAt is the folder that a link of the host's /proc leads to, nil if it has no path.
func (e *engine) folderAt(link string) *folder {
	path, errno := e.pathOf(link)
	if errno == unix.ENAMETOOLONG {
		fd, err := unix.Openat(e.procFD(), link, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil
		}
		defer unix.Close(fd)
		path, errno = e.dirPath(fd), 0
	}
	if errno != 0 || !strings.HasPrefix(path, "/") {
		return nil
	}
	if d := e.folderNamed(path); d != nil {
		return d
	}
	// A call that has changed a name on the way has not come to its end.
	e.follow(nil, nil, path, true, func(_ *folder, _ string, nm *name) { nm.known = false })
	return e.folderNamed(path)
}

// folderNamed is the folder at a canonical path, nil if there is none.
func (e *engine) folderNamed(path string) *folder {
	f := e.follow(nil, nil, path, true, quietly)
	switch {
	case f.base == "":
		return f.in
	case f.name == nil:
		return nil
	}
	return f.name.folder
}

// lookAgain has the names in a directory that was moved, and below, be looked up once more: who
// did so meanwhile may have found what is at its old place now.
func (d *folder) lookAgain() {
	for _, nm := range d.names {
		if nm.known && nm.kind == nameFolder && nm.folder != nil && nm.folder.up == d {
			nm.folder.lookAgain()
		}
		nm.known = false
	}
}

// start is the folder from which a relative path of a task leads.
func (e *engine) start(t *task, dirfd int32) *folder {
	var st unix.Stat_t
	if dirfd != unix.AT_FDCWD {
		if e.statFD(t, dirfd, &st) != 0 || !isDir(&st) {
			return nil
		}
		return e.folderNow(&st, e.fdPath(t, dirfd))
	}
	if t.cwd == nil {
		link := strconv.Itoa(t.pid) + "/cwd"
		if unix.Fstatat(e.procFD(), link, &st, 0) != nil {
			return nil
		}
		t.cwd = e.folderNow(&st, link)
	}
	if t.cwd != nil && t.cwd.node.Gone() {
		return nil
	}
	return t.cwd
}

// removedStart is the directory from which a relative path of a task leads, if that has been removed.
func (e *engine) removedStart(t *task, dirfd int32) *vfs.Inode {
	var st unix.Stat_t
	if dirfd != unix.AT_FDCWD {
		if e.statFD(t, dirfd, &st) != 0 {
			return nil
		}
	} else if unix.Fstatat(e.procFD(), strconv.Itoa(t.pid)+"/cwd", &st, 0) != nil {
		return nil
	}
	if n := e.fs.Find(&st); n != nil && n.Gone() && isDir(&st) {
		return n
	}
	return nil
}

// folderNow is the folder that a link of the host's /proc leads to, a directory as st says. One
// that is known is not looked for by its path: a call of another task may have moved it that has
// not come back, so that its new name is not known yet.
func (e *engine) folderNow(st *unix.Stat_t, link string) *folder {
	if n := e.fs.Find(st); n != nil && e.folders[n] != nil && !n.Gone() {
		return e.folders[n]
	}
	return e.folderAt(link)
}

// stale notes that a name of a directory, whose path is parent, has changed, and returns it
// and its folder; nil if that cannot be found.
func (e *engine) stale(dir *vfs.Inode, parent, base string) (*folder, *name) {
	d := e.folders[dir]
	if d == nil {
		d = e.folderNamed(parent)
	}
	if d == nil || d.node != dir {
		return nil, nil
	}
	nm := d.names[base]
	if nm == nil {
		nm = e.newName(d, base)
	}
	nm.known = false
	return d, nm
}
