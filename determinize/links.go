package determinize

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// lower returns the inode of something that was there before the box, and
// that st describes. A file with several names is numbered by the least of
// those in the box, and has as many links as it has names there: what names it
// has elsewhere on the host is nothing to the box.
func (e *engine) lower(st *unix.Stat_t, path string) *vfs.Inode {
	k := vfs.KeyOf(st)
	if st.Nlink < 2 || st.Mode&unix.S_IFMT == unix.S_IFDIR || !strings.HasPrefix(path, "/") {
		return e.fs.Lower(k, path)
	}
	if least, links, ok := e.leastCached(st, path); ok {
		n := e.fs.Lower(k, least)
		n.SetLinks(links)
		return n
	}
	names := e.linkNames(st, path)
	n := e.fs.Lower(k, names[0])
	n.SetLinks(len(names))
	return n
}

// leastCached asks the cache of earlier runs for the least name of a file of
// the host, and how many names it has in the box.
func (e *engine) leastCached(st *unix.Stat_t, path string) (string, int, bool) {
	if m, _ := e.fs.MountOf(path); !m.Host || e.cfg.Links == nil {
		return "", 0, false
	}
	return e.cfg.Links.LeastPath(st, func(name string) bool { return names(name, st) })
}

// names tells whether a path is one of the names of what st describes.
func names(path string, st *unix.Stat_t) bool {
	var at unix.Stat_t
	return unix.Fstatat(unix.AT_FDCWD, path, &at, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) == nil &&
		vfs.KeyOf(&at) == vfs.KeyOf(st)
}

// linkNames finds the names in the box, sorted, of a file of which path is
// one: those in the overlay that it is in, or in all parts of the host's file
// system that are in the box. All names are found by one walk, at first need.
// Nothing has been renamed or removed before that, since to do so to one of
// several names is such a need.
func (e *engine) linkNames(st *unix.Stat_t, path string) []string {
	m, _ := e.fs.MountOf(path)
	key := walkKey{mount: m.Path}
	roots := []string{m.Path}
	if m.Host {
		key = walkKey{dev: st.Dev}
		roots = roots[:0]
		for _, o := range e.fs.Mounts() {
			if o.Host {
				roots = append(roots, o.Path)
			}
		}
	}
	g, ok := e.walks[key]
	if !ok {
		w := walker{e: e, dev: key.dev}
		g = w.groups(roots, st.Ino)
		if e.walks == nil {
			e.walks = make(map[walkKey]linkGroups)
		}
		e.walks[key] = g
	}
	found := []string{path}
	for _, name := range g[st.Ino] {
		if name != path && names(name, st) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	if m.Host && e.cfg.Links != nil {
		e.cfg.Links.Put(st, found, e.cfg.Links.Now())
	}
	return found
}

// linkGroups are the names of the files that have several, by inode number.
type linkGroups map[uint64][]string

// walkKey is what a walk was over: the overlay at a mount point, or the parts
// of one file system of the host.
type walkKey struct {
	mount string
	dev   uint64
}

// unite prepares a file for being changed, in any way, of which st is known
// and at which w leads. An overlay copies what was there before on its first
// change. Then the file may be known by another number, which binding it to
// its path makes up for. Of a file with several names only one would become
// the copy's: here all of them do.
func (e *engine) unite(t *task, w where, st *unix.Stat_t) {
	if n := e.fs.Find(st); n != nil && (n.Made || n.Bound()) {
		return
	}
	path, errno := e.canonical(w, st.Mode&unix.S_IFMT != unix.S_IFLNK)
	if errno != 0 || !e.fs.InProject(path) {
		return
	}
	e.prepare(t, st, path, true)
}

// prepare is unite for a file whose path is known, and which may be mapped.
func (e *engine) prepare(t *task, st *unix.Stat_t, path string, mapped bool) {
	n := e.inode(st, func() (string, unix.Errno) { return path, 0 })
	if n.Made || n.Bound() || !names(path, st) {
		return // the last: its name is gone
	}
	if mapped && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size > 0 {
		n.Stale = e.mapsFile(st.Ino, path)
	}
	if n.Counted() {
		e.join(t, n, st, path)
	}
	e.fs.Bind(path, n)
}

// join makes the names of a lower file names of one copy. On return the kernel
// may not have been able to copy it at all; then the call that is to change the
// file will fail, too.
func (e *engine) join(t *task, n *vfs.Inode, st *unix.Stat_t, path string) {
	var joined []string
	var copied unix.Stat_t
	e.privileged(func() {
		if copyUp(path, st) != nil || unix.Lstat(path, &copied) != nil || vfs.KeyOf(&copied) == vfs.KeyOf(st) {
			return
		}
		joined = append(joined, path)
		for _, name := range e.linkNames(st, path) {
			if name == path || !names(name, st) {
				continue
			}
			if err := replaceByLink(path, name); err != nil {
				e.taint("links", "the names of "+path+" and "+name+" are not one file any more: "+err.Error(), t)
				continue
			}
			joined = append(joined, name)
		}
	})
	if len(joined) == 0 {
		return
	}
	e.fs.Alias(vfs.KeyOf(&copied), n)
	e.wholeTouches(t, n, touched{meta: true})
	n.United()
	for _, name := range joined {
		e.fs.Bind(name, n)
	}
	// What is open under the name that was copied follows the copy.
	n.Stale = n.Stale || e.hasOpen(st)
}

// staled taints the box when the content of an inode has changed and a task may
// not see it.
func (e *engine) staled(t *task, n *vfs.Inode) {
	if n.Stale {
		n.Stale = false
		e.taint("stale-open", "the content of a file was changed that was mapped, or open under another name, when it was as before the box", t)
	}
}

// copyUp has the kernel copy a lower file up, without changing it. path is
// canonical.
func copyUp(path string, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unbroken(func() error { return unix.Fchownat(unix.AT_FDCWD, path, -1, -1, unix.AT_SYMLINK_NOFOLLOW) })
	}
	return fchmodat(unix.AT_FDCWD, path, st.Mode&0o7777)
}

// replaceByLink makes name another name of the file at path, in one step.
func replaceByLink(path, name string) error {
	dir, _ := split(name)
	for i := 0; ; i++ {
		temp := dir + tempName(i)
		err := linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, temp, 0)
		if err == unix.EEXIST {
			continue
		}
		if err != nil {
			return err
		}
		if err := renameat(unix.AT_FDCWD, temp, unix.AT_FDCWD, name); err != nil {
			unix.Unlink(temp)
			return err
		}
		return nil
	}
}

// tempName is the i-th name to try for what no task ever sees.
func tempName(i int) string { return ".laplace-" + strconv.Itoa(i) }

// privileged calls f with the rights to files that the guest may not have:
// what natively needs none must not need any here.
func (e *engine) privileged(f func()) {
	const files = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH |
		1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return
	}
	more := data
	more[0].Effective |= files & more[0].Permitted
	if unix.Capset(&hdr, &more[0]) != nil {
		return
	}
	defer func() {
		if err := unix.Capset(&hdr, &data[0]); err != nil {
			e.fatal = err
		}
	}()
	f()
}
